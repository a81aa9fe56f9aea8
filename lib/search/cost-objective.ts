/** How the expected cost of an architecture enters the loss: as in ProxylessNAS (arXiv 1812.00332) and FBNet (arXiv 1812.03443). */

import { z } from 'zod';

import { ArgumentError } from '../errors.js';
import { add, affine, exp, log, mul } from '../ops/elementwise.js';
import type { Tensor } from '../tensor.js';
import type { ExpectedCost } from './expected-cost.js';
import type { Mixture } from './supernet.js';

/** x^exponent, for x > 0. */
const power = (x: Tensor, exponent: number): Tensor => exp(mul(log(x), exponent));

export interface LogRatioOptions {
  /** The cost that is aimed at, in the unit of the cost; above 1, as its logarithm divides. */
  readonly reference: number;
  /** Factor of the loss. Default 0.2. */
  readonly alpha?: number;
  /** Default 0.3. */
  readonly beta?: number;
}

/**
 * loss * alpha * (log cost / log reference)^beta: ProxylessNAS' `mul#log`. It depends on the unit: costs, too, must stay above 1,
 * else the result is NaN; microseconds and MACs do.
 *
 * @param loss, cost scalars
 * @throws ArgumentError for a reference that is not above 1
 */
export function logRatioCost(
  loss: Tensor,
  cost: Tensor,
  { reference, alpha = 0.2, beta = 0.3 }: LogRatioOptions,
): Tensor {
  if (!(reference > 1 && Number.isFinite(reference))) {
    throw new ArgumentError(
      `Expected a reference cost above 1, in the unit of the table, got ${reference}; its logarithm divides.`,
    );
  }
  return mul(loss, affine(power(affine(log(cost), 1 / Math.log(reference), 0), beta), alpha, 0));
}

export interface LinearCostOptions {
  /** The cost that is aimed at, in the unit of the cost. */
  readonly reference: number;
  /** Default 0.2. */
  readonly lambda?: number;
}

/** loss + lambda (cost - reference) / reference: ProxylessNAS' `add#linear`. @throws ArgumentError for a reference that is not above 0 */
export function linearCost(
  loss: Tensor,
  cost: Tensor,
  { reference, lambda = 0.2 }: LinearCostOptions,
): Tensor {
  if (!(reference > 0 && Number.isFinite(reference))) {
    throw new ArgumentError(`Expected a reference cost above 0, got ${reference}.`);
  }
  return add(loss, affine(cost, lambda / reference, -lambda));
}

export interface PowerCostOptions {
  /** Default 0.2. */
  readonly alpha?: number;
  /** Default 0.6. */
  readonly beta?: number;
  /** What a cost is divided by before. Default 1. */
  readonly unit?: number;
}

/**
 * loss + alpha cost^beta, the loss of FBNet's re-implementation JunrQ/NAS, whose costs are a few milliseconds in all: `unit: 1000`
 * makes them of microseconds. There the cost is rebuilt from numbers and passes no gradient; here it does.
 *
 * @throws ArgumentError for a unit that is not above 0
 */
export function powerCost(
  loss: Tensor,
  cost: Tensor,
  { alpha = 0.2, beta = 0.6, unit = 1 }: PowerCostOptions = {},
): Tensor {
  if (!(unit > 0 && Number.isFinite(unit))) throw new ArgumentError(`Expected a unit above 0, got ${unit}.`);
  return add(loss, affine(power(affine(cost, 1 / unit, 0), beta), alpha, 0));
}

const reference = z.number().positive();

/** How an expected cost enters the loss of the architecture, as a configuration names it. */
export const costObjectiveSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('log-ratio'),
    reference: z.number().gt(1),
    alpha: z.number().positive().default(0.2),
    beta: z.number().positive().default(0.3),
  }),
  z.strictObject({ kind: z.literal('linear'), reference, lambda: z.number().min(0).default(0.2) }),
  z.strictObject({
    kind: z.literal('power'),
    alpha: z.number().min(0).default(0.2),
    beta: z.number().positive().default(0.6),
    unit: reference.default(1),
  }),
]);

export type CostObjectiveConfig = z.infer<typeof costObjectiveSchema>;

/** The loss of the architecture with the cost of its mixture, as a configuration names it: a function of loss and mixture. */
export function costObjective(
  config: CostObjectiveConfig,
  expected: ExpectedCost,
): (loss: Tensor, mixture: Mixture) => Tensor {
  switch (config.kind) {
    case 'log-ratio':
      return (loss, mixture) => logRatioCost(loss, expected.of(mixture), config);
    case 'linear':
      return (loss, mixture) => linearCost(loss, expected.of(mixture), config);
    case 'power':
      return (loss, mixture) => powerCost(loss, expected.of(mixture), config);
  }
}
