"""Single convolutions in PyTorch, the peer of bench/convolutions.ts.

    python convolutions.py --threads 2

It says hello, and obeys one JSON object a line on stdin:

    {"command": "prepare", "kernel": "conv2d_dgrad", "problem": {"N": 128, ...}, "operands": PATH, "outputs": PATH}
        reads the operands, by lapidary's names and in its layouts, computes once and writes the output
    {"command": "run", "least_ms": 60}   runs for so long, 12 times at least; answers {"ms": [...]}, one number a run
    {"command": "usage"}                 as of the workloads: answers {"peak_mb": ..., "cpu_ms": ...}
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from protocol import read_safetensors, resident_mb, say, write_safetensors

WARM_UP, LEAST_RUNS = 2, 12


def convolution(kernel: str, problem: dict[str, int], operands: dict[str, torch.Tensor]) -> Callable[[], torch.Tensor]:
    def pair(name: str, default: int) -> tuple[int, int]:
        return problem.get(f'{name}_h', default), problem.get(f'{name}_w', default)

    geometry = pair('stride', 1), pair('pad', 0), pair('dilation', 1)
    groups = problem.get('groups', 1)
    x, dy, filters = (operands.get(name) for name in ('x', 'dy', 'filter'))
    if kernel == 'conv2d_fprop':
        return lambda: torch.nn.functional.conv2d(x, filters, None, *geometry, groups)

    # The operand that a gradient does not depend on gives its shape only.
    if x is None:
        x = dy.new_empty([problem[name] for name in 'NCHW']).to(memory_format=torch.channels_last)
    if filters is None:
        shape = [problem.get('K', 1), problem['C'] // groups, problem.get('R', 1), problem.get('S', 1)]
        filters = dy.new_empty(shape).to(memory_format=torch.channels_last)
    wanted = [kernel == 'conv2d_dgrad', kernel == 'conv2d_wgrad', False]

    def gradient() -> torch.Tensor:
        results = torch.ops.aten.convolution_backward(dy, x, filters, None, *geometry, False, [0, 0], groups, wanted)
        return results[wanted.index(True)]

    return gradient


def run(compute: Callable[[], torch.Tensor], least_ms: float) -> list[float]:
    for _ in range(WARM_UP):
        compute()
    times: list[float] = []
    while len(times) < LEAST_RUNS or sum(times) < least_ms:
        start = time.perf_counter()
        compute()
        times.append((time.perf_counter() - start) * 1000)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--threads', type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    torch.set_grad_enabled(False)
    say(framework=f'PyTorch {torch.__version__}', threads=torch.get_num_threads())
    compute: Callable[[], torch.Tensor] | None = None
    for line in sys.stdin:
        message = json.loads(line)
        if message['command'] == 'prepare':
            operands = {
                # lapidary's tensors are NHWC and KRSC.
                name: tensor.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
                for name, tensor in read_safetensors(Path(message['operands'])).items()
            }
            compute = convolution(message['kernel'], message['problem'], operands)
            write_safetensors(Path(message['outputs']), {'output': compute()})
            say()
        elif message['command'] == 'run':
            say(ms=run(compute, message['least_ms']))
        elif message['command'] == 'usage':
            say(peak_mb=resident_mb('VmHWM'), cpu_ms=time.process_time() * 1000)


main()
