"""The training step of ResNet-20 in PyTorch eager: the peer that bench/resnet20.ts runs beside lapidary.

It reads weights and one batch from a safetensors file, says hello, and then obeys one JSON object a line on stdin:

    {"command": "run", "steps": 3}   trains so many steps; answers {"ms": ..., "loss": ...}, for all of them and of the last
    {"command": "usage"}             answers {"peak_mb": ..., "cpu_ms": ...}: the most resident memory above what Python and
                                     PyTorch take alone, and processor time so far

    python resnet20.py BATCH.safetensors --layout channels_last --threads 2 --rate 0.01 --momentum 0.9
"""

import argparse
import json
import struct
import sys
import time
from pathlib import Path


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    say(error=f'{sys.executable} cannot import what the peer needs: {error}')
    sys.exit(1)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y.add_(x if self.downsample is None else self.downsample(x)), inplace=True)


class Normalize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('mean', torch.zeros(3))
        self.register_buffer('std', torch.ones(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


class ResNet20(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.fc = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(self.normalize(x))), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('file', type=Path)
    parser.add_argument('--layout', choices=('channels_last', 'contiguous'), default='channels_last')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--rate', type=float, required=True)
    parser.add_argument('--momentum', type=float, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    tensors = read_safetensors(arguments.file)
    reset_peak()
    idle_mb = resident_mb('VmRSS')

    layout = torch.channels_last if arguments.layout == 'channels_last' else torch.contiguous_format
    # lapidary's images are NHWC and its filters KRSC.
    images = tensors.pop('images').permute(0, 3, 1, 2).contiguous(memory_format=layout)
    labels = tensors.pop('labels').long()
    state = {name: value.permute(0, 3, 1, 2) if value.ndim == 4 else value for name, value in tensors.items()}
    model = ResNet20(len(state['fc.bias']))
    model.load_state_dict({**model.state_dict(), **state}, strict=True)
    missing = [name for name in model.state_dict() if name not in state and not name.endswith('num_batches_tracked')]
    assert not missing, f'the file lacks {missing}'
    model = model.to(memory_format=layout).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=arguments.rate, momentum=arguments.momentum)

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    say(
        torch=torch.__version__,
        python=sys.version.split()[0],
        layout=arguments.layout,
        threads=torch.get_num_threads(),
        capability=torch.backends.cpu.get_cpu_capability(),
    )
    for line in sys.stdin:
        message = json.loads(line)
        if message['command'] == 'run':
            start = time.perf_counter()
            for _ in range(message['steps']):
                loss = step()
            value = loss.item()
            say(ms=(time.perf_counter() - start) * 1000, loss=value)
        elif message['command'] == 'usage':
            say(peak_mb=resident_mb('VmHWM') - idle_mb, cpu_ms=time.process_time() * 1000)


if __name__ == '__main__':
    main()
