import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { exportOnnx, exportPyTorch } from '../../lib/io/graph/export.js';
import { bytesOf, type HostTensor } from '../../lib/io/host-tensor.js';
import { readTensorFile } from '../../lib/io/tensor-file.js';
import { modelFromSpec, modelSpec } from '../../lib/nn/models/index.js';
import { fromTorchState } from '../../lib/nn/torch-state.js';
import { arrayIn, firstImages, logitsByOnnx, logitsHere, relativeError } from './networks.js';
import { python, sharedFolder } from './python.js';

const names = ['resnet18', 'resnet34', 'resnet50', 'resnet152', 'vgg16_bn', 'mobilenet_v2'] as const;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const TOLERANCE = 1e-4;

const photographs =
  process.env.LAPIDARY_TEST_DATA === undefined ? '-' : join(process.env.LAPIDARY_TEST_DATA, 'imagenette-200');

function namesOfDifferences(
  a: ReadonlyMap<string, HostTensor>,
  b: ReadonlyMap<string, HostTensor>,
): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => {
    const [one, other] = [a.get(name), b.get(name)];
    if (one === undefined || other === undefined || one.dtype !== other.dtype) return true;
    return one.shape.join() !== other.shape.join() || Buffer.compare(bytesOf(one), bytesOf(other)) !== 0;
  });
}

describe.each(names)('%s', (name) => {
  const { folder, remove } = sharedFolder();
  const file = (ending: string) => join(folder, `${name}${ending}`);
  const exported = join(folder, name);

  let images: HostTensor;
  let reference: Float32Array;
  /** Logits that lapidary computes, and onnxruntime from the exported network. */
  let logits: Float32Array;
  /** Names of the tensors that are not the same in the two files of weights. */
  let differences: string[];
  let byOnnx: Float32Array;

  beforeAll(async () => {
    await python('make_references.py', folder, photographs, name);
    images = await arrayIn(join(folder, 'images.npz'), 'images');
    reference = (await arrayIn(join(folder, 'logits.npz'), name)).data as Float32Array;
    using model = modelFromSpec(modelSpec(name, { classes: 1000, normalization: IMAGENET }), null);
    const { tensors } = await readTensorFile(file('.pth'));
    differences = namesOfDifferences(tensors, (await readTensorFile(file('.safetensors'))).tensors);
    fromTorchState(model, tensors);
    logits = await logitsHere(model, images);

    await exportPyTorch(exported, model, [224, 224, 3], name);
    await copyFile(join(folder, 'images.npz'), join(exported, 'images.npz'));
    await exportOnnx(file('.onnx'), model, [224, 224, 3], { name });
    byOnnx = await logitsByOnnx(file('.onnx'), firstImages(images, 1));
    await python('run_exports.py', `${name}=${exported}`);
  });
  afterAll(remove);

  it('has the logits of torchvision, from its .pth and from safetensors alike', () => {
    expect(relativeError(logits, reference)).toBeLessThan(TOLERANCE);
    expect(differences).toEqual([]);
  });

  it('tells the images apart, so that the comparison says something', () => {
    const classes = reference.length / images.shape[0]!;
    const [first, second] = [reference.slice(0, classes), reference.slice(classes, 2 * classes)];
    expect(relativeError(first, second)).toBeGreaterThan(0.01);
  });

  it('comes back as model.py, and its weights as a state of torchvision', async () => {
    for (const result of ['logits.npz', 'torchvision.npz']) {
      const { data } = await arrayIn(join(exported, result), 'logits');
      expect(relativeError(data, reference), result).toBeLessThan(TOLERANCE);
    }
  });

  it('computes the same in onnxruntime, also for a batch of another size than traced', () => {
    expect(relativeError(byOnnx, reference.slice(0, byOnnx.length))).toBeLessThan(TOLERANCE);
  });
});
