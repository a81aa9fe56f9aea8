"""ResNet-20 training step, the peer of bench/workloads/resnet20.ts."""

from networks import ResNet20
from protocol import Start, Step, serve
from training_step import training_step


def build(start: Start) -> Step:
    return training_step(start, ResNet20(len(start.weight('fc.bias'))))


serve(build)
