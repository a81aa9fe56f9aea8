"""SimSiam training step, the peer of bench/workloads/simsiam.ts."""

import torch
import torch.nn.functional as F
from torch import nn

from networks import ResNet20
from protocol import Start, Step, serve
from training_step import sgd_step


class Projector(nn.Module):
    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(inputs, width, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        self.linear2 = nn.Linear(width, width, bias=False)
        self.bn2 = nn.BatchNorm1d(width, affine=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn2(self.linear2(F.relu(self.bn1(self.linear1(x)), inplace=True)))


class Predictor(nn.Module):
    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, bottleneck, bias=False)
        self.bn1 = nn.BatchNorm1d(bottleneck)
        self.linear2 = nn.Linear(bottleneck, width)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.linear2(F.relu(self.bn1(self.linear1(z)), inplace=True))


class SimSiam(nn.Module):
    def __init__(self, classes: int, width: int, bottleneck: int) -> None:
        super().__init__()
        self.trunk = ResNet20(classes)
        self.projector = Projector(self.trunk.fc.in_features, width)
        self.predictor = Predictor(width, bottleneck)

    def forward(self, view: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z = self.projector(self.trunk.features(view))
        return z, self.predictor(z)


def build(start: Start) -> Step:
    bottleneck, width = start.weight('predictor.linear1.weight').shape
    model = start.load(SimSiam(len(start.weight('trunk.fc.bias')), width, bottleneck)).train()
    view1, view2 = start.images('view1'), start.images('view2')

    def symmetric_loss(view1: torch.Tensor, view2: torch.Tensor) -> torch.Tensor:
        z1, p1 = model(view1)
        z2, p2 = model(view2)
        first, second = F.cosine_similarity(p1, z2.detach()), F.cosine_similarity(p2, z1.detach())
        return -(first.mean() + second.mean()) * 0.5

    return sgd_step(start, model, symmetric_loss, view1, view2)


serve(build)
