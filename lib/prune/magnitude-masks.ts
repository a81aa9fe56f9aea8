/** Unstructured magnitude pruning (Han et al., arXiv 1506.02626), with the counts of torch.nn.utils.prune. */

import { ArgumentError } from '../errors.js';
import type { AnyModule } from '../nn/module.js';
import type { Parameter } from '../nn/parameter.js';
import { WeightMasks } from '../nn/weight-masks.js';
import { pruneMask } from '../ops/prune.js';

export interface MagnitudeMaskOptions {
  /** The share of the weights that goes, in [0, 1); or one for each parameter by name, with `scope: 'layer'` only. */
  readonly ratio: number | ReadonlyMap<string, number>;
  /** Whether magnitudes are compared over all layers together or within each. Default `global`. */
  readonly scope?: 'global' | 'layer';
}

/**
 * Masks that leave out the weights of smallest magnitude, and sets those to 0. Filters and the matrices of linear layers
 * are pruned, vectors (biases, batch normalisations) never.
 *
 * Of n weights round(ratio n) go, halves to even, as in torch.nn.utils.prune; weights that are 0 already are among the
 * smallest, so ratios are of all weights. Of equal magnitudes the first in the order of parameters and elements go (PyTorch
 * leaves that open).
 *
 * @returns the masks, once they are made; the caller disposes them
 * @throws NonFiniteError when a weight is NaN: that layer, and with `global` every one, is then unchanged
 * @throws ArgumentError when a ratio is out of range or names no such parameter
 */
export async function magnitudeMasks(
  model: AnyModule,
  { ratio, scope = 'global' }: MagnitudeMaskOptions,
): Promise<WeightMasks> {
  const parameters = [...model.namedParameters()].filter(([, { rank }]) => rank > 1);
  const names = parameters.map(([name]) => name);
  const weights = parameters.map(([, parameter]) => parameter);
  if (typeof ratio !== 'number' && scope === 'global') {
    throw new ArgumentError(
      "Expected one ratio for the scope 'global'; ratios by layer need scope: 'layer'.",
    );
  }
  const ratios = layerRatios(ratio, names);
  const made =
    scope === 'global'
      ? pruneMask(weights, shareOf(sizeOfAll(weights), ratio as number))
      : weights.flatMap((weight, i) => pruneMask([weight], shareOf(weight.size, ratios[i]!)));
  const masks = new WeightMasks(names.map((name, i) => [name, made[i]!] as const));
  try {
    await masks.sparsity();
    return masks;
  } catch (error) {
    masks.dispose();
    throw error;
  }
}

function layerRatios(ratio: number | ReadonlyMap<string, number>, names: readonly string[]): number[] {
  if (typeof ratio !== 'number') {
    const unknown = [...ratio.keys()].find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw new ArgumentError(
        `Expected ratios of filters and matrices (${names.join(', ')}), got ${unknown}.`,
      );
    }
  }
  const ratios = names.map((name) => (typeof ratio === 'number' ? ratio : (ratio.get(name) ?? 0)));
  for (const value of ratios) {
    if (!(value >= 0 && value < 1))
      throw new ArgumentError(`Expected a pruning ratio in [0, 1), got ${value}.`);
  }
  return ratios;
}

const sizeOfAll = (weights: readonly Parameter[]): number =>
  weights.reduce((total, weight) => total + weight.size, 0);

/** round(ratio * count), halves to even, as Python rounds. */
function shareOf(count: number, ratio: number): number {
  const exact = ratio * count;
  const below = Math.floor(exact);
  if (exact - below !== 0.5) return Math.round(exact);
  return below % 2 === 0 ? below : below + 1;
}
