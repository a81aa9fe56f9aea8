"""PGD-10 on ResNet-20, the peer of bench/workloads/pgd10.ts. The weights require no gradients, so none are computed."""

import torch
import torch.nn.functional as F

from networks import ResNet20
from protocol import Start, Step, serve


def build(start: Start) -> Step:
    model = start.load(ResNet20(len(start.weight('fc.bias')))).eval()
    model.requires_grad_(False)
    images, labels, first = start.images('images'), start.labels('labels'), start.images('start')
    epsilon, step_size = start.settings['epsilon'], start.settings['step_size']
    low, high = images - epsilon, images + epsilon
    losses_of = start.compiled(lambda x, labels: F.cross_entropy(model(x), labels, reduction='none'))

    def step() -> dict[str, torch.Tensor]:
        adversarial = first
        for _ in range(int(start.settings['ascent_steps'])):
            x = adversarial.detach().requires_grad_()
            losses = losses_of(x, labels)
            (gradient,) = torch.autograd.grad(losses.sum(), x)
            with torch.no_grad():
                adversarial = x.add(gradient.sign_(), alpha=step_size).clamp_(low, high).clamp_(0, 1)
        return {'last_losses': losses.detach(), 'perturbation': adversarial - images}

    def probe() -> dict[str, torch.Tensor]:
        x = first.detach().requires_grad_()
        losses = losses_of(x, labels)
        (gradient,) = torch.autograd.grad(losses.sum(), x)
        return {'start_losses': losses.detach(), 'start_gradient': gradient}

    start.probe = probe

    return step


serve(build)
