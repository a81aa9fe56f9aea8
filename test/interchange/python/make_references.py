"""Writes images.npz and, for each torchvision model named, NAME.pth, NAME.safetensors and its logits into logits.npz.

usage: make_references.py OUT PHOTOGRAPHS MODEL...   (PHOTOGRAPHS: a folder of folders of JPEGs, or '-' for drawn pictures)
"""

import pathlib
import sys

import numpy
import safetensors.torch
import torch
from PIL import Image
from torchvision_models import BasicBlock, Bottleneck, build

COUNT = 2
SIZE = 224
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)


def photographs(folder):
    """One of each of the first classes: the shorter side scaled to 256, the centre cut out."""
    images = []
    for path in [sorted(child.glob("*.JPEG"))[0] for child in sorted(folder.iterdir()) if child.is_dir()][:COUNT]:
        image = Image.open(path).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BILINEAR)
        left, top = [(side - SIZE) // 2 for side in image.size]
        image = image.crop((left, top, left + SIZE, top + SIZE))
        images.append(numpy.asarray(image, dtype=numpy.float32) / 255)
    return torch.from_numpy(numpy.stack(images)).permute(0, 3, 1, 2).contiguous()


def drawn():
    """Discs on gradients."""
    y, x = torch.meshgrid(torch.linspace(0, 1, SIZE), torch.linspace(0, 1, SIZE), indexing="ij")
    random = torch.Generator().manual_seed(7)
    images = []
    for _ in range(COUNT):
        a, b, r, *colour = torch.rand(6, generator=random).tolist()
        disc = ((x - a) ** 2 + (y - b) ** 2 < (0.1 + 0.3 * r) ** 2).float()
        images.append(torch.stack([disc * c + (1 - disc) * (x * c + y * (1 - c)) for c in colour]))
    return torch.stack(images).clamp(0, 1)


def settle(model, images):
    """Running statistics of these images, scales and shifts at random: as a trained network, nothing is 0 or 1.

    The last scales of a residual block are small, as training leaves them (it is often started with 0 there). With scales
    about 1 every block amplifies, and ResNet-152 makes of a relative change of 1e-6 in its input one of about 4e-4 in its
    logits; PyTorch's own f32 is then 0.9e-4 away from its f64 (docs/interchange.md), and 1e-4 says nothing.
    """
    random = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over calls
            module.weight.data.uniform_(0.5, 1.5, generator=random)
            module.bias.data.normal_(0, 0.1, generator=random)
    for module in model.modules():
        if isinstance(module, (BasicBlock, Bottleneck)):
            last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
            last.weight.data.mul_(0.2)
    model.train()(images)
    return model.eval()


def main(out, folder, names):
    out = pathlib.Path(out)
    images = drawn() if folder == "-" else photographs(pathlib.Path(folder))
    numpy.savez(out / "images.npz", images=images.numpy())
    logits = {}
    with torch.no_grad():
        for name in names:
            torch.manual_seed(1)
            model = settle(build(name), (images - MEAN) / STD)
            logits[name] = model((images - MEAN) / STD).numpy()
            torch.save(model.state_dict(), out / f"{name}.pth")
            safetensors.torch.save_file(model.state_dict(), out / f"{name}.safetensors")
    numpy.savez(out / "logits.npz", **logits)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
