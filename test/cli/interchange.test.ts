import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { readSafetensors, writeSafetensors } from '../../lib/io/safetensors.js';
import { readTensorFile } from '../../lib/io/tensor-file.js';
import { buildModel } from '../../lib/nn/models/index.js';
import { toTorchState } from '../../lib/nn/torch-state.js';
import { loadModel, saveModel } from '../../lib/train/model-file.js';
import { corpusPath } from '../io/corpus.js';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

const options = { classes: 3, normalization: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }, seed: 1 };

it('converts PyTorch weights into a model file and back, to the bit', async () => {
  const folder = temporaryFolder();
  using model = buildModel('resnet8', options);
  const state = await toTorchState(model);
  await writeSafetensors(join(folder, 'torch.safetensors'), state);
  const there = await lapidary(folder, [
    'convert',
    'torch.safetensors',
    'model.safetensors',
    '--model',
    'resnet8',
    '--mean',
    '0.5,0.5,0.5',
    '--std',
    '0.25,0.25,0.25',
    '--json',
  ]);
  expect(jsonOf(there)).toMatchObject({ ok: true, result: { tensors: state.size } });
  using loaded = await loadModel(join(folder, 'model.safetensors'));
  expect(loaded.spec).toEqual(model.spec);
  const back = await lapidary(folder, ['convert', 'model.safetensors', 'back.npz']);
  expect(back.code).toBe(0);
  const { tensors } = await readTensorFile(join(folder, 'back.npz'));
  expect([...tensors].sort()).toEqual([...state].sort());
});

it('refuses a wrong architecture, a hostile pickle and a file that it does not write, and leaves nothing', async () => {
  const folder = temporaryFolder();
  const hostile = await lapidary(folder, ['convert', corpusPath('hostile-system-4.pth'), 'out.safetensors']);
  expect(hostile.code).toBe(1);
  expect(hostile.stderr).toContain('asks for "os.system');
  const wrong = await lapidary(folder, [
    'convert',
    corpusPath('nested.pth'),
    'out.safetensors',
    '--model',
    'resnet8',
    '--classes',
    '3',
  ]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/missing: conv1\.weight.*Nothing was loaded/);
  const pickle = await lapidary(folder, ['convert', corpusPath('nested.pth'), 'out.pth']);
  expect(pickle.code).toBe(2);
  expect(pickle.stderr).toContain('no pickle is ever written');
  expect(existsSync(join(folder, 'out.safetensors')) || existsSync(join(folder, 'out.pth'))).toBe(false);
});

it('exports the model of a run for PyTorch and ONNX', async () => {
  const folder = temporaryFolder();
  using model = buildModel('resnet8', options);
  await mkdir(join(folder, 'run/models'), { recursive: true });
  await saveModel(join(folder, 'run/models/dense.safetensors'), model);
  const outcome = await lapidary(folder, ['export', 'run', '--pytorch', '--onnx', '--out', 'out', '--json']);
  expect(jsonOf(outcome)).toMatchObject({ ok: true, result: { imageShape: [32, 32, 3] } });
  expect(readFileSync(join(folder, 'out/model.py'), 'utf8')).toContain('self.fc = nn.Linear(64, 3)');
  expect(existsSync(join(folder, 'out/model.onnx'))).toBe(true);
  const { tensors } = await readSafetensors(join(folder, 'out/model.safetensors'));
  expect([...tensors.keys()].sort()).toEqual([...(await toTorchState(model)).keys()].sort());
  await saveModel(join(folder, 'run/models/pruned.safetensors'), model);
  const several = await lapidary(folder, ['export', 'run', '--onnx', '--out', 'out']);
  expect(several.code).toBe(2);
  expect(several.stderr).toContain('name one of these');
});
