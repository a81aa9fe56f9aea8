/** PGD-10 in the l-infinity ball (Madry et al., arXiv 1706.06083) on ResNet-20; 209.0 GFLOP for 128 images. */

import { DEFAULT_EPSILON } from '../../lib/attack/attack.js';
import { projectedAscent } from '../../lib/attack/projected-ascent.js';
import { complexity } from '../../lib/nn/complexity.js';
import { buildModel } from '../../lib/nn/models/index.js';
import { grad } from '../../lib/ops/autograd.js';
import { tensor } from '../../lib/ops/create.js';
import { crossEntropy } from '../../lib/ops/cross-entropy.js';
import { pgdStart } from '../../lib/ops/pgd.js';
import { keep, own, scope } from '../../lib/scope.js';
import type { Tensor } from '../../lib/tensor.js';
import { calibrateStatistics } from './calibration.js';
import { CIFAR_CLASSES, CIFAR_IMAGE, CIFAR_NORMALIZATION, drawImages, drawLabels } from './inputs.js';
import type { Workload } from './workload.js';

const epsilon = DEFAULT_EPSILON.linf;
const stepSize = epsilon / 4;
const ascentSteps = 10;

export const pgd10: Workload = {
  name: 'pgd10',
  title:
    'PGD-10 (l-infinity, 8/255) on ResNet-20 for CIFAR in evaluation mode, from a random start that both are given',
  gradients: 'both sides compute that of the images, ten times; neither computes one of the weights',
  batch: 128,
  steps: 1,
  // The sign of a gradient near 0 is that of its rounding, and what it moves changes the next one: two ascents in f32 part
  // slowly. Unrelated ones would be 1.4 apart. What both must share is where they begin, and how far
  // up they come.
  tolerances: { start_losses: 1e-5, start_gradient: 2e-2, last_losses: 1e-2, perturbation: 0.5 },
  settings: { epsilon, step_size: stepSize, ascent_steps: ascentSteps },
  create(batch, seed) {
    const model = buildModel('resnet20', {
      classes: CIFAR_CLASSES,
      normalization: CIFAR_NORMALIZATION,
      seed,
    });
    const images = drawImages(batch, CIFAR_IMAGE, seed);
    const labels = drawLabels(batch, CIFAR_CLASSES);
    calibrateStatistics(model, images);
    const start = scope(() => {
      const index = tensor(Int32Array.from({ length: batch }, (_, sample) => sample));
      return own(pgdStart(images, index, { epsilon, seed }));
    });
    const { macs } = complexity(model, CIFAR_IMAGE);
    const lossesAt = (logits: Tensor) => crossEntropy(logits, labels, { reduction: 'none' });
    return {
      // Forward, and the gradient of every layer's input.
      flops: ascentSteps * batch * 2 * (2 * macs),
      model,
      inputs: { images, labels, start },
      step: () =>
        scope(async () => {
          let lastLosses: Tensor | undefined;
          const loss = (logits: Tensor) => {
            const losses = lossesAt(logits);
            lastLosses?.dispose();
            lastLosses = keep(losses.detach());
            return losses.sum();
          };
          const adversarial = await projectedAscent(model, {
            images,
            start,
            loss,
            epsilon,
            stepSize,
            steps: ascentSteps,
          });
          return { last_losses: lastLosses!, perturbation: adversarial.sub(images) };
        }),
      probe: () =>
        scope(() => {
          const x = start.detach();
          x.requiresGrad = true;
          const losses = lossesAt(model.forward(x));
          const [gradient] = grad(losses.sum(), [x]);
          return { start_losses: losses.detach(), start_gradient: gradient };
        }),
    };
  },
};
