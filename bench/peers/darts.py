"""The bilevel step of DARTS, the peer of bench/workloads/darts.ts: the loop of quark0/darts, first order.

Both steps call loss.backward(), as the authors' code does: gradients of the weights are made in the architecture step, too,
and those of the alphas in the weight step. With --needed-gradients each step asks for its own only, as lapidary does.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from networks import Normalize
from protocol import Start, Step, serve

sys.path.append(str(Path(__file__).parents[2] / 'test' / 'fixtures' / 'generator'))
from darts_network import SearchNetwork  # noqa: E402


class NormalizedSearchNetwork(SearchNetwork):
    def __init__(self, **sizes: int) -> None:
        super().__init__(**sizes)
        self.normalize = Normalize()

    def forward(self, x: torch.Tensor, normal: torch.Tensor, reduce: torch.Tensor) -> torch.Tensor:
        return super().forward(self.normalize(x), normal, reduce)


class Architecture(nn.Module):
    def __init__(self, edges: int, candidates: int) -> None:
        super().__init__()
        self.alphas_normal = nn.Parameter(torch.zeros(edges, candidates))
        self.alphas_reduce = nn.Parameter(torch.zeros(edges, candidates))

    def forward(self) -> list[torch.Tensor]:
        return [F.softmax(alphas, dim=-1) for alphas in (self.alphas_normal, self.alphas_reduce)]


class BilevelSearch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = NormalizedSearchNetwork(channels=16, cells=8, nodes=4, stem_multiplier=3, classes=10)
        self.architecture = Architecture(14, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x, *self.architecture())


def build(start: Start) -> Step:
    model = start.load(BilevelSearch()).train()
    images, validation_images = start.images('images'), start.images('validation_images')
    labels, settings = start.labels('labels'), start.settings
    alphas = torch.optim.Adam(
        model.architecture.parameters(),
        lr=settings['alpha_rate'],
        betas=(settings['alpha_beta1'], settings['alpha_beta2']),
        weight_decay=settings['alpha_decay'],
    )
    weights = torch.optim.SGD(
        model.network.parameters(), lr=settings['rate'], momentum=settings['momentum'], weight_decay=settings['decay']
    )
    def backward(loss: torch.Tensor, part: nn.Module) -> None:
        loss.backward(inputs=list(part.parameters()) if start.needed_gradients else None)

    loss_of = start.compiled(lambda images: F.cross_entropy(model(images), labels))

    def step() -> dict[str, torch.Tensor]:
        alphas.zero_grad(set_to_none=True)
        validation_loss = loss_of(validation_images)
        backward(validation_loss, model.architecture)
        alphas.step()
        weights.zero_grad(set_to_none=True)
        loss = loss_of(images)
        backward(loss, model.network)
        nn.utils.clip_grad_norm_(model.network.parameters(), settings['clip'])
        weights.step()
        return {'validation_loss': validation_loss.detach(), 'training_loss': loss.detach()}

    return step


serve(build)
