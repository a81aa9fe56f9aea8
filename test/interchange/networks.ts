/** Running networks here and in onnxruntime, and comparing logits. */
import { createRequire } from 'node:module';

import { type HostTensor, transposeHost } from '../../lib/io/host-tensor.js';
import { readNpz } from '../../lib/io/npz.js';
import type { Module } from '../../lib/nn/module.js';
import { tensor } from '../../lib/ops/create.js';
import { noGrad, scope } from '../../lib/scope.js';

/** What these tests use of onnxruntime-node, which is installed for them alone. */
interface OnnxRuntime {
  InferenceSession: { create(path: string): Promise<OnnxSession> };
  Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => unknown;
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(inputs: Record<string, unknown>): Promise<Record<string, { data: Float32Array }>>;
  release(): Promise<void>;
}

/** The array of one name in a .npz file. */
export async function arrayIn(path: string, name: string): Promise<HostTensor> {
  const array = (await readNpz(path)).get(name);
  if (array === undefined) throw new Error(`${path} has no ${name}`);
  return array;
}

/** Logits of images [N, C, H, W]. */
export async function logitsHere(model: Module, images: HostTensor): Promise<Float32Array> {
  model.eval();
  const { data, shape } = transposeHost(images, [0, 2, 3, 1]);
  using logits = noGrad(() => scope(() => model.forward(tensor(data as Float32Array, shape))));
  return logits.data();
}

/** Logits of images [N, C, H, W] by an ONNX file. */
export async function logitsByOnnx(path: string, images: HostTensor): Promise<Float32Array> {
  const ort: OnnxRuntime = createRequire(import.meta.url)('onnxruntime-node');
  const session = await ort.InferenceSession.create(path);
  try {
    const input = new ort.Tensor('float32', images.data as Float32Array, images.shape);
    const { logits } = await session.run({ input });
    return logits!.data;
  } finally {
    await session.release();
  }
}

/** The first `count` images of a batch. */
export function firstImages({ dtype, shape, data }: HostTensor, count: number): HostTensor {
  const length = (data.length / shape[0]!) * count;
  return { dtype, shape: [count, ...shape.slice(1)], data: data.slice(0, length) };
}

/** The largest difference, as a share of the largest logit. */
export function relativeError(logits: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (logits.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(logits[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return difference / largest;
}
