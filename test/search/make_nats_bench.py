#!/usr/bin/env python3
"""Makes test/search/data/nats: a folder in the form of NATS-tss-v1_0-3ffb9-simple, with numbers of our own.

How to run: python test/search/make_nats_bench.py (Python 3.10 or newer with numpy). The tests themselves need no Python.

The form is that of D-X-Y/NATS-Bench, api_utils.py: `pickle_save`, `ArchResults.state_dict` and `ResultsCount.state_dict`. As
there, numbers of parameters are NumPy's scalars. An accuracy after the last epoch is 10 * place + trial, before it 0, so that a
test can tell which one was read: place counts the sets of images below from 1, trial the seeds from 0.
"""

import bz2
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / 'data' / 'nats'
CELLS = (
    '|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|',
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|',
    '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|',
)
IMAGES = {
    'cifar10-valid': ('x-valid', 'ori-test'),
    'cifar10': ('ori-test',),
    'cifar100': ('x-valid', 'x-test', 'ori-test'),
    'ImageNet16-120': ('x-valid', 'x-test', 'ori-test'),
}
SEEDS = {12: [777], 200: [777, 888, 999]}


def save(value: object, name: str) -> None:
    with bz2.open(FOLDER / f'{name}.pickle.pbz2', 'wb') as file:
        pickle.dump(value, file, protocol=4)


def trial(dataset: str, seed: int, index: int, epochs: int, arch: str) -> dict[str, object]:
    names = IMAGES[dataset]
    accuracies = {
        f'{images}@{epoch}': 10.0 * place + index if epoch == epochs - 1 else 0.0
        for place, images in enumerate(names, 1)
        for epoch in range(epochs)
    }
    zeros = dict.fromkeys(range(epochs), 0.0)
    return {
        'name': dataset,
        'net_state_dict': None,
        'train_acc1es': zeros,
        'train_acc5es': None,
        'train_losses': zeros,
        'train_times': OrderedDict(zeros),
        'arch_config': {'channel': 16, 'num_cells': 5, 'arch_str': arch, 'class_num': 10},
        'params': np.float64(1.288506),
        'flop': 184.73024,
        'seed': seed,
        'epochs': epochs,
        'latency': [0.02],
        'eval_names': list(names),
        'eval_acc1es': accuracies,
        'eval_times': dict.fromkeys(accuracies, 0.0),
        'eval_losses': dict.fromkeys(accuracies, 0.0),
    }


def results(number: int, epochs: int) -> dict[str, object]:
    seeds = SEEDS[epochs]
    return {
        'arch_index': number,
        'arch_str': CELLS[number],
        'all_results': {
            (dataset, seed): trial(dataset, seed, index, epochs, CELLS[number])
            for dataset in IMAGES
            for index, seed in enumerate(seeds)
        },
        'dataset_seed': {dataset: seeds for dataset in IMAGES},
        'clear_net_done': True,
    }


FOLDER.mkdir(parents=True, exist_ok=True)
save({'meta_archs': list(CELLS), 'total_archs': len(CELLS)}, 'meta')
save(OrderedDict((str(epochs), results(1, epochs)) for epochs in SEEDS), '000001')
print(sum(file.stat().st_size for file in FOLDER.iterdir()), 'bytes')
