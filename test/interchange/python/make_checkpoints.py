"""Writes checkpoints of all kinds that torch.save makes, with expected.safetensors: what each tensor holds, dense.

usage: make_checkpoints.py OUT
"""

import collections
import pathlib
import sys

import safetensors.torch
import torch


def views():
    base = torch.arange(24.0).reshape(4, 6) / 7
    return collections.OrderedDict(
        whole=base,
        transposed=base.t(),
        strided=base[1:3, 1:5:2],
        permuted=torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
        expanded=torch.tensor([3.0]).expand(10),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(torch.ones(2)),
        half=base.half(),
        bfloat=base.bfloat16(),
        double=base.double(),
        long=torch.tensor([-5, 2**31 - 1]),
        int=torch.tensor([-(2**31)], dtype=torch.int32),
        short=torch.tensor([-300], dtype=torch.int16),
        char=torch.tensor([-3], dtype=torch.int8),
        byte=torch.tensor([255], dtype=torch.uint8),
        flags=torch.tensor([True, False]),
    )


def main(out):
    out = pathlib.Path(out)
    tensors = views()
    dense = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    safetensors.torch.save_file(dense, out / "expected.safetensors")
    for protocol in (2, 3, 4, 5):
        torch.save(tensors, out / f"protocol-{protocol}.pth", pickle_protocol=protocol)
    torch.save(tensors, out / "legacy.pth", _use_new_zipfile_serialization=False)

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3, 4, 4)).sum().backward()
    optimizer.step()
    nested = {
        "epoch": 3,
        "best": 0.75,
        "name": "run",
        "shape": torch.Size([1, 2]),
        "device": torch.device("cuda", 1),
        "dtype": torch.float16,
        "flags": {1, 2},
        "bytes": b"\x00\xff",
        "big": 2**70,
        "state_dict": {f"module.{name}": tensor for name, tensor in model.state_dict().items()},
        "optimizer": optimizer.state_dict(),
    }
    torch.save(nested, out / "nested.pth")
    torch.save(nested | {"ema": model.state_dict()}, out / "two.pth")
    safetensors.torch.save_file(model.state_dict(), out / "nested.safetensors")
    torch.jit.save(torch.jit.script(model), out / "script.pth")
    torch.save(model, out / "module.pth")
    torch.save({"wide": torch.tensor([2**40])}, out / "wide.pth")


if __name__ == "__main__":
    main(sys.argv[1])
