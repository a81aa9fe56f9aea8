"""The training step of a classifier: forward in train mode, cross-entropy, backward, SGD with momentum."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from protocol import Start, Step


def sgd_step(start: Start, model: nn.Module, loss_of: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> Step:
    """A step on the parameters of `model` along the gradient of loss_of(*inputs)."""
    settings = start.settings
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings['rate'], momentum=settings['momentum'], weight_decay=settings.get('decay', 0)
    )
    compiled = start.compiled(loss_of)

    def step() -> dict[str, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        loss = compiled(*inputs)
        loss.backward()
        optimizer.step()
        return {'loss': loss.detach()}

    return step


def training_step(start: Start, network: nn.Module) -> Step:
    model = start.load(network).train()
    images, labels = start.images('images'), start.labels('labels')
    return sgd_step(start, model, lambda images, labels: F.cross_entropy(model(images), labels), images, labels)
