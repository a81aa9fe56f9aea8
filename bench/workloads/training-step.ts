/** The training step of a classifier: forward in train mode, cross-entropy, backward, SGD with momentum. */

import type { LabelledImages } from '../../lib/attack/attack.js';
import { complexity } from '../../lib/nn/complexity.js';
import { buildModel, type SpecModel } from '../../lib/nn/models/index.js';
import { crossEntropy } from '../../lib/ops/cross-entropy.js';
import { SGD } from '../../lib/optim/sgd.js';
import { scope } from '../../lib/scope.js';
import {
  CIFAR_CLASSES,
  CIFAR_IMAGE,
  CIFAR_NORMALIZATION,
  DEFAULT_SEED,
  drawImages,
  drawLabels,
} from './inputs.js';
import type { Outputs, Work, Workload } from './workload.js';

const rate = 0.01;
const momentum = 0.9;

/** A model, its optimiser and a batch of its own. */
export class TrainingStep implements Work {
  readonly model: SpecModel;
  readonly inputs: Pick<LabelledImages, 'images' | 'labels'>;
  readonly flops: number;
  readonly #optimizer: SGD;

  /** @param modelName a network for 32 x 32 images, as `buildModel` knows it */
  constructor(modelName: string, batch: number, seed = DEFAULT_SEED) {
    this.model = buildModel(modelName, {
      classes: CIFAR_CLASSES,
      normalization: CIFAR_NORMALIZATION,
      seed,
    });
    this.inputs = { images: drawImages(batch, CIFAR_IMAGE, seed), labels: drawLabels(batch, CIFAR_CLASSES) };
    this.#optimizer = new SGD(this.model.namedParameters(), { rate, momentum });
    // Output, gradient of the input, gradient of the weights; but nobody needs the gradient of the images.
    const { macs, layers } = complexity(this.model, CIFAR_IMAGE);
    const first = layers.find(({ name }) => name === 'conv1')!;
    this.flops = 2 * batch * (3 * macs - first.macs);
  }

  /** A step on the batch of its own, or on another. */
  step({ images, labels }: Pick<LabelledImages, 'images' | 'labels'> = this.inputs): Outputs {
    return scope(() => {
      this.#optimizer.zeroGrad();
      const loss = crossEntropy(this.model.forward(images), labels);
      loss.backward();
      this.#optimizer.step();
      return { loss: loss.detach() };
    });
  }
}

/** The workload of a network for 32 x 32 images. */
export function trainingWorkload(options: {
  readonly name: string;
  /** As `buildModel` knows it. */
  readonly model: string;
  readonly network: string;
  readonly batch: number;
  readonly steps: number;
}): Workload {
  const { name, model, network, batch, steps } = options;
  return {
    name,
    title: `${network} for CIFAR, training step: forward, cross-entropy, backward, SGD with momentum`,
    gradients: 'both sides compute those of all parameters; neither computes one of the images',
    batch,
    steps,
    tolerances: { loss: 1e-3 },
    settings: { rate, momentum },
    create: (batch, seed) => new TrainingStep(model, batch, seed),
  };
}
