"""Runs exported networks: in each folder, model.py on images.npz, logits into logits.npz.

Where a folder is given as NAME=FOLDER, its weights also go into torchvision's network of that name, logits into
torchvision.npz, and are read by the safetensors package.
"""

import ast
import importlib.util
import pathlib
import sys

import numpy
import safetensors.torch
import torch

ALLOWED = {"json", "pathlib", "struct", "torch"}
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)


def check_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            assert name.split(".")[0] in ALLOWED, f"{path} imports {name}"


def load(folder):
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


@torch.no_grad()
def main(arguments):
    for argument in arguments:
        folder = pathlib.Path(argument.split("=")[-1])
        check_imports(folder / "model.py")
        images = torch.from_numpy(numpy.load(folder / "images.npz")["images"])
        numpy.savez(folder / "logits.npz", logits=load(folder)(images).numpy())
    for argument in arguments:
        if "=" not in argument:
            continue
        from torchvision_models import build

        name, folder = argument.split("=")
        network = build(name)
        network.load_state_dict(safetensors.torch.load_file(f"{folder}/model.safetensors"))
        images = torch.from_numpy(numpy.load(f"{folder}/images.npz")["images"])
        numpy.savez(f"{folder}/torchvision.npz", logits=network.eval()((images - MEAN) / STD).numpy())


if __name__ == "__main__":
    main(sys.argv[1:])
