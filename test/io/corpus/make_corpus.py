"""Writes the small files of other programs that test/io reads without them.

    cd test/io/corpus && python make_corpus.py      (a Python with the packages of test/interchange/requirements.txt)
"""

import pathlib
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "interchange/python"))

import make_arrays  # noqa: E402
import make_checkpoints  # noqa: E402
import make_hostile_pickles  # noqa: E402

CHECKPOINTS = ("expected.safetensors", "protocol-2.pth", "protocol-5.pth", "legacy.pth", "nested.pth", "two.pth", "module.pth")
ARRAYS = ("stored.npz", "deflated.npz", "objects.npz", "expected.json")
HOSTILE = ("system-2.pth", "system-4.pth", "eval-5.pth", "popen-3.pth", "chain-4.pth", "bytes-2.pth", "saved.pth")


def deflate(source, target):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        make_checkpoints.main(folder)
        deflate(folder / "protocol-2.pth", HERE / "compressed.pth")
        for name in CHECKPOINTS:
            (HERE / name).write_bytes((folder / name).read_bytes())
        make_arrays.main(folder)
        for name in ARRAYS:
            (HERE / name).write_bytes((folder / name).read_bytes())
        # A marker in the folder where a test would run; no test finds one.
        make_hostile_pickles.main(folder, "hostile-marker")
        pathlib.Path("hostile-marker-proof").unlink()
        for name in HOSTILE:
            (HERE / f"hostile-{name}").write_bytes((folder / name).read_bytes())


if __name__ == "__main__":
    main()
