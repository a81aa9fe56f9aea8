/** What the inputs of all workloads have in common. */

import { rand, tensor } from '../../lib/ops/create.js';
import { own } from '../../lib/scope.js';
import type { Tensor } from '../../lib/tensor.js';

/** Draws weights and inputs unless another is asked for. */
export const DEFAULT_SEED = 1;

export const CIFAR_CLASSES = 10;
export const CIFAR_IMAGE = [32, 32, 3] as const;
export const CIFAR_NORMALIZATION = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] };

/** Pixels uniform in [0, 1); others for another `stream`. */
export function drawImages(batch: number, shape: readonly number[], seed: number, stream = 1000): Tensor {
  return own(rand([batch, ...shape], { seed, stream }));
}

/** All classes, in no order. */
export function drawLabels(batch: number, classes: number): Tensor<'i32'> {
  return own(tensor(Int32Array.from({ length: batch }, (_, index) => (7 * index) % classes)));
}
