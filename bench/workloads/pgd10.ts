/** PGD-10 in the l-infinity ball (Madry et al., arXiv 1706.06083) on ResNet-20; 209.0 GFLOP for 128 images. */

import { DEFAULT_EPSILON } from '../../lib/attack/attack.js';
import { projectedAscent } from '../../lib/attack/projected-ascent.js';
import { complexity } from '../../lib/nn/complexity.js';
import { buildModel } from '../../lib/nn/models/index.js';
import { tensor } from '../../lib/ops/create.js';
import { crossEntropy } from '../../lib/ops/cross-entropy.js';
import { pgdStart } from '../../lib/ops/pgd.js';
import { own, scope } from '../../lib/scope.js';
import { calibrateStatistics } from './calibration.js';
import { CIFAR_CLASSES, CIFAR_IMAGE, CIFAR_NORMALIZATION, drawImages, drawLabels, SEED } from './inputs.js';
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
  // slowly. Unrelated ones would be 1.4 apart.
  tolerances: { perturbation: 0.6 },
  settings: { epsilon, step_size: stepSize, ascent_steps: ascentSteps },
  create(batch) {
    const model = buildModel('resnet20', {
      classes: CIFAR_CLASSES,
      normalization: CIFAR_NORMALIZATION,
      seed: SEED,
    });
    const images = drawImages(batch, CIFAR_IMAGE);
    const labels = drawLabels(batch, CIFAR_CLASSES);
    calibrateStatistics(model, images);
    const start = scope(() => {
      const index = tensor(Int32Array.from({ length: batch }, (_, sample) => sample));
      return own(pgdStart(images, index, { epsilon, seed: SEED }));
    });
    const { macs } = complexity(model, CIFAR_IMAGE);
    return {
      // Forward, and the gradient of every layer's input.
      flops: ascentSteps * batch * 2 * (2 * macs),
      model,
      inputs: { images, labels, start },
      step: () =>
        scope(async () => {
          const loss = (logits: typeof images) => crossEntropy(logits, labels, { reduction: 'none' }).sum();
          const adversarial = await projectedAscent(model, {
            images,
            start,
            loss,
            epsilon,
            stepSize,
            steps: ascentSteps,
          });
          return { perturbation: adversarial.sub(images) };
        }),
    };
  },
};
