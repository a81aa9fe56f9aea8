/** Running statistics for a network with random weights. */

import { BatchNorm2d } from '../../lib/nn/batch-norm.js';
import type { Module } from '../../lib/nn/module.js';
import { zeros } from '../../lib/ops/create.js';
import { assign } from '../../lib/ops/layout.js';
import { noGrad, scope } from '../../lib/scope.js';
import type { Tensor } from '../../lib/tensor.js';

/**
 * Makes the running statistics those of one batch, so that activations in evaluation mode are as large as those of a trained
 * network; with the initial ones (mean 0, variance 1) they would grow from block to block. Leaves the model in evaluation
 * mode.
 */
export function calibrateStatistics(model: Module, images: Tensor): void {
  const norms = [...model.modules()].filter((module) => module instanceof BatchNorm2d);
  noGrad(() =>
    scope(() => {
      const statistics = norms.flatMap(({ running_mean, running_var, momentum }) =>
        [running_mean, running_var].map((buffer) => ({ buffer, momentum })),
      );
      // Moved once from 0, they are the momentum's share of the batch's.
      for (const { buffer } of statistics) assign(buffer, zeros(buffer.shape));
      model.train().forward(images);
      for (const { buffer, momentum } of statistics) assign(buffer, buffer.div(momentum));
    }),
  );
  model.eval();
}
