/** In which mode a network runs while an attack searches. */

import { BatchNorm } from '../nn/batch-norm.js';
import type { AnyModule } from '../nn/module.js';

/**
 * Runs `fn` with the network in evaluation mode: batch normalisation by running statistics, which do not move. Every
 * module is in the mode it was in afterwards, also when `fn` throws.
 */
export async function inEvaluationMode<T>(model: AnyModule, fn: () => Promise<T>): Promise<T> {
  const modes = [...model.modules()].map((module) => [module, module.training] as const);
  model.eval();
  try {
    return await fn();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

/**
 * Runs `fn` without moving running statistics: batch normalisation goes by the batch if the network is in training mode.
 * Everything is as before afterwards.
 */
export async function withStillStatistics<T>(model: AnyModule, fn: () => Promise<T>): Promise<T> {
  using _still = stillStatistics(model);
  return await fn();
}

/** Holds running statistics still until it is disposed; then every batch normalisation is as it was. */
export function stillStatistics(model: AnyModule): Disposable {
  const updates = [...model.modules()]
    .filter((module) => module instanceof BatchNorm)
    .map((norm) => [norm, norm.updateStatistics] as const);
  for (const [norm] of updates) norm.updateStatistics = false;
  return {
    [Symbol.dispose]: () => {
      for (const [norm, update] of updates) norm.updateStatistics = update;
    },
  };
}
