"""What all PyTorch peers have in common: they read weights and inputs, say hello, and obey.

A peer script defines `build(start)`, which makes the network and returns a function `step` that does one step and returns its
outputs by name, and ends with `serve(build)`. bench/peer.ts starts it:

    python WORKLOAD.py START.safetensors --layout channels_last --threads 2 --settings '{"rate": 0.01}' [--compile]
        [--needed-gradients] [--double]

With --double it works in float64, on the same weights and inputs: an arbiter between two sides in float32.

Then it obeys one JSON object a line on stdin:

    {"command": "run", "steps": 3, "outputs": PATH}   runs so many steps; answers {"ms": ...} for all of them, and, where
                                                      "outputs" is given, writes those of the last step to that file
    {"command": "probe", "outputs": PATH}             writes what `start.probe` computes from the start state; answers {}
    {"command": "usage"}                              answers {"peak_mb": ..., "cpu_ms": ...}: the most resident memory
                                                      since the hello, above what Python and PyTorch take alone, and
                                                      processor time so far
"""

import argparse
import gc
import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


try:
    import numpy as np
    import torch
    from torch import nn
except ImportError as error:
    say(error=f'{sys.executable} cannot import what the peer needs: {error}')
    sys.exit(1)

Step = Callable[[], dict[str, torch.Tensor]]


class Start:
    """What a peer begins with."""

    def __init__(
        self,
        tensors: dict[str, torch.Tensor],
        settings: dict[str, float],
        layout: str,
        compiles: bool,
        needed_gradients: bool,
        dtype: torch.dtype,
    ) -> None:
        self.settings = settings
        self.needed_gradients = needed_gradients
        """Whether to ask for no gradients but those that lapidary computes, where the customary loop makes others as well."""
        self._layout = torch.channels_last if layout == 'channels_last' else torch.contiguous_format
        self._compiles = compiles
        self.probe: Step = dict
        """Set by a workload that compares more than a step gives."""
        # lapidary's images are NHWC and its filters KRSC.
        permuted = {name: t.permute(0, 3, 1, 2) if t.ndim == 4 else t for name, t in tensors.items()}
        permuted = {name: t.to(dtype) if t.is_floating_point() else t for name, t in permuted.items()}
        self._weights = {name.removeprefix('model.'): t for name, t in permuted.items() if name.startswith('model.')}
        self._inputs = {name.removeprefix('input.'): t for name, t in permuted.items() if name.startswith('input.')}

    def weight(self, name: str) -> torch.Tensor:
        return self._weights[name]

    def load(self, model: nn.Module) -> nn.Module:
        """The model with lapidary's weights, all of them and no others, in the layout of this run."""
        counters = {name: value for name, value in model.state_dict().items() if name.endswith('num_batches_tracked')}
        model.load_state_dict({**self._weights, **counters}, strict=True)
        return model.to(memory_format=self._layout)

    def images(self, name: str) -> torch.Tensor:
        return self._inputs[name].contiguous(memory_format=self._layout)

    def labels(self, name: str) -> torch.Tensor:
        return self._inputs[name].long()

    def compiled(self, function: Callable[..., object]) -> Callable[..., object]:
        """The function itself, or by torch.compile where this run asks for it; the first call compiles."""
        return torch.compile(function) if self._compiles else function


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    data = path.read_bytes()
    (length,) = struct.unpack_from('<Q', data)
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == '__metadata__':
            continue
        begin, end = (8 + length + offset for offset in entry['data_offsets'])
        values = np.frombuffer(data[begin:end], {'F32': np.float32, 'I32': np.int32}[entry['dtype']])
        tensors[name] = torch.from_numpy(values.reshape(entry['shape']).copy())
    return tensors


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    header, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        channels_last = tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor
        values = np.ascontiguousarray(channels_last.detach().numpy(), dtype=np.float32)
        begin, end = end, end + values.nbytes
        header[name] = {'dtype': 'F32', 'shape': list(channels_last.shape), 'data_offsets': [begin, end]}
        parts.append(values.tobytes())
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack('<Q', len(text)) + text + b''.join(parts))


def resident_mb(field: str) -> float:
    """VmRSS, or VmHWM: the most since `reset_peak`."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return float('nan')


def reset_peak() -> None:
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        pass  # an older kernel or another system: the peak is that of the whole process


def serve(build: Callable[[Start], Step]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--layout', choices=('channels_last', 'contiguous'), default='channels_last')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--settings', type=json.loads, default={})
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--needed-gradients', action='store_true')
    parser.add_argument('--double', action='store_true')
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.set_default_dtype(torch.float64 if arguments.double else torch.float32)
    idle_mb = resident_mb('VmRSS')
    start = Start(
        read_safetensors(arguments.file),
        arguments.settings,
        arguments.layout,
        arguments.compile,
        arguments.needed_gradients,
        torch.get_default_dtype(),
    )
    step = build(start)
    gc.collect()
    reset_peak()

    say(
        framework=f'PyTorch {torch.__version__}',
        python=sys.version.split()[0],
        layout=arguments.layout,
        compiled=arguments.compile,
        needed_gradients=arguments.needed_gradients,
        dtype=str(torch.get_default_dtype()).removeprefix('torch.'),
        threads=torch.get_num_threads(),
        capability=torch.backends.cpu.get_cpu_capability(),
    )
    for line in sys.stdin:
        message = json.loads(line)
        if message['command'] == 'run':
            began = time.perf_counter()
            for _ in range(message['steps']):
                outputs = step()
            ms = (time.perf_counter() - began) * 1000
            if message.get('outputs'):
                write_safetensors(Path(message['outputs']), outputs)
            say(ms=ms)
        elif message['command'] == 'probe':
            write_safetensors(Path(message['outputs']), start.probe())
            say()
        elif message['command'] == 'usage':
            say(peak_mb=resident_mb('VmHWM') - idle_mb, cpu_ms=time.process_time() * 1000)
