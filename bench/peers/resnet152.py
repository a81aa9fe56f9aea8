"""ResNet-152 inference, the peer of bench/workloads/resnet152.ts."""

import torch

from networks import Bottleneck, ResNet
from protocol import Start, Step, serve


def build(start: Start) -> Step:
    classes = len(start.weight('fc.bias'))
    model = start.load(ResNet(Bottleneck, (3, 8, 36, 3), classes, small_images=False)).eval()
    model.requires_grad_(False)
    images = start.images('images')
    forward = start.compiled(model)

    def step() -> dict[str, torch.Tensor]:
        with torch.inference_mode():
            return {'logits': forward(images)}

    return step


serve(build)
