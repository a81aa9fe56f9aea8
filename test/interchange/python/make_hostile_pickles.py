"""Writes checkpoints that run code when Python unpickles them, and expected.json: the global that each must be refused for.

usage: make_hostile_pickles.py OUT MARKER   (MARKER: a file that comes to exist when one of them is run)
"""

import json
import pathlib
import pickle
import sys
import zipfile

import torch


class Call:
    """Unpickles as function(*arguments)."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def archive(path, data):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", data)
        file.writestr("archive/byteorder", "little")
        file.writestr("archive/version", "3\n")


def main(out, marker):
    import os
    import subprocess

    out = pathlib.Path(out)
    touch = f"touch {marker}"
    python = f"open({marker!r}, 'w')"
    calls = {
        "system": (Call(os.system, touch), "os.system"),
        "eval": (Call(eval, python), "builtins.eval"),
        "exec": (Call(exec, python), "builtins.exec"),
        "popen": (Call(subprocess.Popen, ["touch", marker]), "subprocess.Popen"),
        "import": (Call(__import__, "os"), "builtins.__import__"),
        "getattr": (Call(getattr, Call(__import__, "os"), "system"), "builtins.getattr"),
        "chain": (Call(map, Call(eval, "print"), [1]), "builtins.map"),
        "bytes": (Call(torch.storage._load_from_bytes, b"x"), "torch.storage._load_from_bytes"),
    }
    expected = {}
    for name, (call, refused) in calls.items():
        for protocol in (0, 1, 2, 3, 4, 5):
            file = f"{name}-{protocol}.pth"
            archive(out / file, pickle.dumps({"weight": torch.Size([1]), "trap": call}, protocol=protocol))
            # Protocols below 2 are refused as such, and protocol 2 uses the names of Python 2.
            expected[file] = refused if protocol >= (3 if name in ("chain", "popen") else 2) else None
    torch.save({"weight": torch.ones(2), "trap": calls["system"][0]}, out / "saved.pth")
    expected["saved.pth"] = "os.system"
    torch.save({"trap": calls["system"][0]}, out / "legacy.pth", _use_new_zipfile_serialization=False)
    expected["legacy.pth"] = "os.system"
    (out / "bare.pth").write_bytes(pickle.dumps(calls["system"][0]))
    expected["bare.pth"] = None
    (out / "expected.json").write_text(json.dumps(expected))

    # That these are no dummies: one of them, run.
    proof = pathlib.Path(f"{marker}-proof")
    pickle.loads(pickle.dumps(Call(os.system, f"touch {proof}")))
    assert proof.exists()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
