import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { exportOnnx, exportPyTorch } from '../../lib/io/graph/export.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import { readTensorFile } from '../../lib/io/tensor-file.js';
import { modelFromSpec, modelSpec } from '../../lib/nn/models/index.js';
import { fromTorchState } from '../../lib/nn/torch-state.js';
import { arrayIn, firstImages, logitsByOnnx, logitsHere, relativeError } from './networks.js';
import { python, sharedFolder } from './python.js';

const names = ['resnet18', 'resnet34', 'resnet50', 'resnet152', 'vgg16_bn', 'mobilenet_v2'] as const;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const TOLERANCE = 1e-4;

const { folder, remove } = sharedFolder();
const file = (name: string) => join(folder, name);
const photographs =
  process.env.LAPIDARY_TEST_DATA === undefined ? '-' : join(process.env.LAPIDARY_TEST_DATA, 'imagenette-200');

let images: HostTensor;
/** Logits that lapidary computes from each kind of weights file, and onnxruntime from the exported network. */
const fromPth = new Map<string, Float32Array>();
const fromSafetensors = new Map<string, Float32Array>();
const byOnnx = new Map<string, Float32Array>();

beforeAll(async () => {
  await python('make_references.py', folder, photographs, ...names);
  images = await arrayIn(file('images.npz'), 'images');
  for (const name of names) {
    using model = modelFromSpec(modelSpec(name, { classes: 1000, normalization: IMAGENET }), null);
    fromTorchState(model, (await readTensorFile(file(`${name}.safetensors`))).tensors);
    fromSafetensors.set(name, await logitsHere(model, images));
    fromTorchState(model, (await readTensorFile(file(`${name}.pth`))).tensors);
    fromPth.set(name, await logitsHere(model, images));

    await exportPyTorch(file(name), model, [224, 224, 3], name);
    await copyFile(file('images.npz'), join(file(name), 'images.npz'));
    await exportOnnx(file(`${name}.onnx`), model, [224, 224, 3], { name });
    byOnnx.set(name, await logitsByOnnx(file(`${name}.onnx`), firstImages(images, 2)));
  }
  await python('run_exports.py', ...names.map((name) => `${name}=${file(name)}`));
});
afterAll(remove);

describe.each(names)('%s', (name) => {
  const reference = async () => (await arrayIn(file('logits.npz'), name)).data;

  it('has the logits of torchvision, from its .pth and from safetensors alike', async () => {
    expect(relativeError(fromPth.get(name)!, await reference())).toBeLessThan(TOLERANCE);
    expect(fromSafetensors.get(name)).toEqual(fromPth.get(name));
  });

  it('tells the images apart, so that the comparison says something', async () => {
    const logits = await reference();
    const classes = logits.length / images.shape[0]!;
    expect(relativeError(logits.slice(0, classes), logits.slice(classes, 2 * classes))).toBeGreaterThan(0.01);
  });

  it('comes back as model.py, and its weights as a state of torchvision', async () => {
    const logits = await arrayIn(join(file(name), 'logits.npz'), 'logits');
    expect(relativeError(logits.data, await reference())).toBeLessThan(TOLERANCE);
    const torchvision = await arrayIn(join(file(name), 'torchvision.npz'), 'logits');
    expect(relativeError(torchvision.data, await reference())).toBeLessThan(TOLERANCE);
  });

  it('computes the same in onnxruntime, also for a batch of another size than traced', async () => {
    const logits = byOnnx.get(name)!;
    expect(relativeError(logits, (await reference()).slice(0, logits.length))).toBeLessThan(TOLERANCE);
  });
});
