"""ResNet-18 training step on 32 x 32 images, the peer of bench/workloads/resnet18.ts."""

from networks import BasicBlock, ResNet
from protocol import Start, Step, serve
from training_step import training_step


def build(start: Start) -> Step:
    classes = len(start.weight('fc.bias'))
    return training_step(start, ResNet(BasicBlock, (2, 2, 2, 2), classes, small_images=True))


serve(build)
