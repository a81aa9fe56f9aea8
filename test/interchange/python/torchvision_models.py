"""torchvision beside any torch of its version.

The torchvision of PyPI is built for a torch with CUDA. Beside a CPU build its compiled operators do not load, and importing
it fails, since it registers fake kernels for two of them. Declaring those two operators first is all that its models need.
"""

import torch

_library = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402
from torchvision.models.resnet import BasicBlock, Bottleneck  # noqa: E402, F401


def build(name):
    """A network of torchvision with weights that its seed draws."""
    return torchvision.models.get_model(name, weights=None)
