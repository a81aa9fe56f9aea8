/**
 * The first-order bilevel step of DARTS (Liu et al., arXiv 1806.09055): the alphas move on a validation batch, then the weights
 * on a training batch. C = 16, 8 cells, 1,930,618 weights and 224 alphas; 48.0 GFLOP for two batches of 16.
 */

import { type Capture, capture } from '../../lib/capture.js';
import { DartsArchitecture, DartsSearchNet } from '../../lib/nn/models/darts.js';
import { Module } from '../../lib/nn/module.js';
import { grad } from '../../lib/ops/autograd.js';
import { crossEntropy } from '../../lib/ops/cross-entropy.js';
import { clone } from '../../lib/ops/layout.js';
import { clipGradNorm } from '../../lib/ops/optimizer.js';
import { Adam } from '../../lib/optim/adam.js';
import { SGD } from '../../lib/optim/sgd.js';
import { noGrad, scope } from '../../lib/scope.js';
import { sizeOf } from '../../lib/shape.js';
import type { Tensor } from '../../lib/tensor.js';
import { CIFAR_CLASSES, CIFAR_IMAGE, CIFAR_NORMALIZATION, drawImages, drawLabels } from './inputs.js';
import type { Outputs, Work, Workload } from './workload.js';

const settings = {
  rate: 0.025,
  momentum: 0.9,
  decay: 3e-4,
  clip: 5,
  alpha_rate: 3e-4,
  alpha_beta1: 0.5,
  alpha_beta2: 0.999,
  alpha_decay: 1e-3,
};

/** The network and the architecture that it searches. */
class BilevelSearch extends Module {
  readonly network: DartsSearchNet;
  readonly architecture: DartsArchitecture;

  constructor(seed: number) {
    super();
    this.network = new DartsSearchNet({ classes: CIFAR_CLASSES, normalization: CIFAR_NORMALIZATION }, seed);
    this.architecture = new DartsArchitecture(this.network.spec, seed);
  }

  override forward(x: Tensor): Tensor {
    return this.network.forward(x, this.architecture.forward());
  }
}

export const darts: Workload = {
  name: 'darts',
  title:
    'DARTS search on CIFAR, first-order bilevel step: alphas by Adam on 16 images, weights by SGD on 16 others',
  gradients:
    'architecture step: lapidary computes those of the alphas, PyTorch (as quark0/darts: loss.backward()) those of the ' +
    'weights too; weight step: lapidary those of the weights, PyTorch those of the alphas too (--needed-gradients: the same)',
  batch: 16,
  steps: 1,
  // A step makes up to hundreds of times as much of a difference, in PyTorch as well: in float32 both are up to 1e-3 from float64
  // in the third (docs/performance.md).
  tolerances: { validation_loss: [1e-5, 5e-4, 5e-3], training_loss: [1e-5, 5e-4, 5e-3] },
  settings,
  create: (batch, seed) => new BilevelStep(batch, seed),
};

type Losses = Readonly<Record<'validation_loss' | 'training_loss', Tensor>>;

class BilevelStep implements Work {
  readonly model: BilevelSearch;
  readonly inputs: Work['inputs'];
  readonly flops: number;
  readonly #architectureStep: () => Tensor;
  readonly #weightStep: () => Tensor;
  #recorded: Capture<Losses> | undefined;

  constructor(batch: number, seed: number) {
    this.model = new BilevelSearch(seed);
    const { network, architecture } = this.model;
    const [images, validationImages] = [1001, 1002].map((stream) =>
      drawImages(batch, CIFAR_IMAGE, seed, stream),
    );
    const labels = drawLabels(batch, CIFAR_CLASSES);
    this.inputs = { images: images!, validation_images: validationImages!, labels };
    // Forward and gradients of inputs on one batch; on the other gradients of weights, too.
    this.flops = (2 + 3) * 2 * batch * macsOf(network);
    const alphas = new Adam(architecture.namedParameters(), {
      rate: settings.alpha_rate,
      betas: [settings.alpha_beta1, settings.alpha_beta2],
      decay: settings.alpha_decay,
    });
    const weights = new SGD(network.namedParameters(), settings);
    this.#architectureStep = () => {
      const loss = crossEntropy(this.model.forward(validationImages!), labels);
      const leaves = [...architecture.parameters()];
      for (const [index, gradient] of grad(loss, leaves).entries()) leaves[index]!.grad = gradient;
      alphas.step();
      return loss.detach();
    };
    this.#weightStep = () => {
      weights.zeroGrad();
      const mixture = noGrad(() => architecture.forward());
      const loss = crossEntropy(network.forward(images!, mixture), labels);
      loss.backward();
      clipGradNorm(network.parameters(), settings.clip);
      weights.step();
      return loss.detach();
    };
  }

  /** Recorded at the first call: enqueuing 2,500 kernels one by one would take processor time from those that compute. */
  step(): Outputs {
    if (this.#recorded) this.#recorded.replay();
    else this.#recorded = capture(() => this.#bilevelStep());
    const { validation_loss, training_loss } = this.#recorded.outputs;
    return { validation_loss: clone(validation_loss), training_loss: clone(training_loss) };
  }

  /** Both halves in one recording, so that they share its memory. */
  #bilevelStep(): Losses {
    return { validation_loss: scope(this.#architectureStep), training_loss: scope(this.#weightStep) };
  }
}

/** Of one image: every filter of a cell works at the resolution that it leaves, but those of preprocessing. */
function macsOf({ stem, cells, classifier }: DartsSearchNet): number {
  const [height, width] = CIFAR_IMAGE;
  let pixels = height * width;
  let macs = sizeOf(stem.conv.weight.shape) * pixels + sizeOf(classifier.weight.shape);
  for (const cell of cells) {
    const preprocessing = [cell.preprocess0, cell.preprocess1].flatMap((module) => [...module.parameters()]);
    macs += pixels * preprocessing.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    if (cell.reduction) pixels /= 4;
    const mixed = cell.edges.flat().flatMap((candidate) => [...candidate.parameters()]);
    macs += pixels * mixed.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  }
  return macs;
}
