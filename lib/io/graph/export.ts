/** Networks for other programs: as a Python module with its weights, or as an ONNX file. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { FileSystemError } from '../../errors.js';
import type { Module } from '../../nn/module.js';
import { toTorchState } from '../../nn/torch-state.js';
import type { Shape } from '../../shape.js';
import { writeFileAtomic } from '../atomic-file.js';
import { writeSafetensors } from '../safetensors.js';
import { toChannelsFirst } from './channels-first.js';
import type { LayerGraph } from './layer-graph.js';
import { type OnnxOptions, writeOnnx } from './onnx.js';
import { toPyTorch } from './pytorch.js';
import { trace } from './trace.js';

export const PYTORCH_SOURCE = 'model.py';
export const PYTORCH_WEIGHTS = 'model.safetensors';

/**
 * The graph of a model for images of one size.
 *
 * @param imageShape [H, W, C]
 * @throws UnsupportedError when the model computes what has no counterpart elsewhere
 */
export async function layerGraph(model: Module, imageShape: Shape): Promise<LayerGraph> {
  return toChannelsFirst(trace(model, imageShape), await model.hostState());
}

/**
 * Writes `model.py` and `model.safetensors` into a folder: a network that needs nothing but torch, with PyTorch's names
 * and layouts of weights. It takes pixels in [0, 1] and normalises them itself.
 *
 * @param imageShape [H, W, C]; a network without flattened maps takes other sizes too
 * @param title what the source says of the network
 * @returns the paths written
 * @throws UnsupportedError as `layerGraph`; FileSystemError when the disk is full and so on
 */
export async function exportPyTorch(
  folder: string,
  model: Module,
  imageShape: Shape,
  title: string,
): Promise<string[]> {
  const graph = await layerGraph(model, imageShape);
  const stateNames = new Set((await toTorchState(model)).keys());
  const { source, tensors } = toPyTorch(graph, stateNames, { title, weightsFile: PYTORCH_WEIGHTS });
  await FileSystemError.during('make', folder, () => mkdir(folder, { recursive: true }));
  const paths = [join(folder, PYTORCH_WEIGHTS), join(folder, PYTORCH_SOURCE)] as const;
  await writeSafetensors(paths[0], tensors);
  await writeFileAtomic(paths[1], source);
  return [...paths];
}

/**
 * Writes a model as ONNX: input `input` [N, C, H, W], pixels in [0, 1], of any N; output `logits`.
 *
 * @param imageShape [H, W, C]
 * @throws UnsupportedError as `layerGraph` and `toOnnx`; FileSystemError when the disk is full and so on
 */
export async function exportOnnx(
  path: string,
  model: Module,
  imageShape: Shape,
  options: OnnxOptions,
): Promise<void> {
  await writeOnnx(path, await layerGraph(model, imageShape), options);
}
