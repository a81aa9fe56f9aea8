"""The training step of a classifier: forward in train mode, cross-entropy, backward, SGD with momentum."""

import torch
import torch.nn.functional as F
from torch import nn

from protocol import Start, Step


def training_step(start: Start, network: nn.Module) -> Step:
    model = start.load(network).train()
    images, labels = start.images('images'), start.labels('labels')
    optimizer = torch.optim.SGD(model.parameters(), lr=start.settings['rate'], momentum=start.settings['momentum'])
    loss_of = start.compiled(lambda images, labels: F.cross_entropy(model(images), labels))

    def step() -> dict[str, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(images, labels)
        loss.backward()
        optimizer.step()
        return {'loss': loss.detach()}

    return step
