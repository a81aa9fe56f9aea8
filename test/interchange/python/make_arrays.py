"""Writes NumPy files of all kinds, with expected.json: shape and values of each array.

usage: make_arrays.py OUT
"""

import json
import pathlib
import sys

import numpy


def arrays():
    base = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4) / 4 - 2
    return {
        "f4": base,
        "fortran": numpy.asfortranarray(base),
        "matrix": numpy.asfortranarray(base[0]),
        "f8": base.astype("f8"),
        "f2": base.astype("f2"),
        "big": base.astype(">f4"),
        "big8": numpy.array([-5, 2**31 - 1], dtype=">i8"),
        "i8": numpy.array([-5, 2**31 - 1]),
        "i4": numpy.array([[-7, 8]], dtype="i4"),
        "i2": numpy.array([-300], dtype="i2"),
        "i1": numpy.array([-3], dtype="i1"),
        "u1": numpy.array([255], dtype="u1"),
        "u2": numpy.array([65535], dtype="u2"),
        "u4": numpy.array([2**31 - 1], dtype="u4"),
        "flags": numpy.array([True, False]),
        "scalar": numpy.float32(2.5),
        "empty": numpy.zeros((0, 3), dtype="f4"),
    }


def main(out):
    out = pathlib.Path(out)
    named = arrays()
    numpy.savez(out / "stored.npz", **named)
    numpy.savez_compressed(out / "deflated.npz", **named)
    numpy.savez(out / "objects.npz", trap=numpy.array([{"a": 1}], dtype=object))
    numpy.savez(out / "records.npz", trap=numpy.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))
    numpy.savez(out / "complex.npz", trap=numpy.zeros(2, dtype="c8"))
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(out / f"version-{version[0]}.npy", "wb") as file:
            numpy.lib.format.write_array(file, named["f4"], version=version)
    expected = {
        name: {"shape": array.shape, "values": array.astype("f8").flatten().tolist()}
        for name, array in ((name, numpy.asarray(array)) for name, array in named.items())
    }
    (out / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(sys.argv[1])
