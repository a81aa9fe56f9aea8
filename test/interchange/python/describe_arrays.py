"""Prints what NumPy reads in a .npz file, as JSON: element type, shape and values of each array.

usage: describe_arrays.py FILE
"""

import json
import sys

import numpy

with numpy.load(sys.argv[1], allow_pickle=False) as file:
    arrays = {name: file[name] for name in file.files}
print(
    json.dumps(
        {
            name: {"type": array.dtype.str, "shape": array.shape, "values": array.flatten().tolist()}
            for name, array in arrays.items()
        }
    )
)
