/**
 * SimSiam (Chen, He: Exploring Simple Siamese Representation Learning, arXiv 2011.10566) with a ResNet-20 trunk; 36.2 GFLOP
 * for 64 images in two views.
 *
 * The heads are those of the paper's appendix D for CIFAR: a projector of two layers and a predictor with a bottleneck, of
 * 2048, 512 and 2048 features. Layers before a batch normalisation have no bias, the projector's last normalisation no scale
 * and shift, as in the authors' code.
 */

import { BatchNorm1d } from '../../lib/nn/batch-norm-1d.js';
import { complexity } from '../../lib/nn/complexity.js';
import { Linear } from '../../lib/nn/linear.js';
import { ResNetCifar, resNetCifarSpec } from '../../lib/nn/models/resnet-cifar.js';
import { Module } from '../../lib/nn/module.js';
import { cosineSimilarity } from '../../lib/ops/cosine-similarity.js';
import { SGD } from '../../lib/optim/sgd.js';
import { scope } from '../../lib/scope.js';
import type { Tensor } from '../../lib/tensor.js';
import { CIFAR_CLASSES, CIFAR_IMAGE, CIFAR_NORMALIZATION, drawImages } from './inputs.js';
import type { Workload } from './workload.js';

const width = 2048;
const bottleneck = 512;
const rate = 0.01;
const momentum = 0.9;
const decay = 5e-4;

/** [N, in] -> [N, out]. */
class Projector extends Module {
  readonly linear1: Linear;
  readonly bn1 = new BatchNorm1d(width);
  readonly linear2 = new Linear(width, width, { bias: false });
  readonly bn2 = new BatchNorm1d(width, { affine: false });

  constructor(inputs: number) {
    super();
    this.linear1 = new Linear(inputs, width, { bias: false });
  }

  override forward(x: Tensor): Tensor {
    const hidden = this.bn1.forward(this.linear1.forward(x)).relu();
    return this.bn2.forward(this.linear2.forward(hidden));
  }
}

class Predictor extends Module {
  readonly linear1 = new Linear(width, bottleneck, { bias: false });
  readonly bn1 = new BatchNorm1d(bottleneck);
  readonly linear2 = new Linear(bottleneck, width);

  override forward(z: Tensor): Tensor {
    return this.linear2.forward(this.bn1.forward(this.linear1.forward(z)).relu());
  }
}

/** One view -> its projection z and its prediction p of the other view's. */
class SimSiam extends Module<[view: Tensor], { readonly z: Tensor; readonly p: Tensor }> {
  readonly trunk = new ResNetCifar(
    resNetCifarSpec(20, { classes: CIFAR_CLASSES, normalization: CIFAR_NORMALIZATION }),
  );
  readonly projector = new Projector(this.trunk.fc.inFeatures);
  readonly predictor = new Predictor();

  override forward(view: Tensor): { z: Tensor; p: Tensor } {
    const z = this.projector.forward(this.trunk.features(view));
    return { z, p: this.predictor.forward(z) };
  }
}

/** -(cos(p1, z2) + cos(p2, z1)) / 2, means over the batch, with z as constants (equations 2 to 4). */
function symmetricLoss(model: SimSiam, view1: Tensor, view2: Tensor): Tensor {
  const first = model.forward(view1);
  const second = model.forward(view2);
  const similarity = (p: Tensor, z: Tensor): Tensor => cosineSimilarity(p, z.detach()).mean();
  return similarity(first.p, second.z).add(similarity(second.p, first.z)).mul(-0.5);
}

export const simsiam: Workload = {
  name: 'simsiam',
  title:
    'SimSiam with a ResNet-20 trunk, training step on two views: forward, symmetric cosine loss, backward, SGD',
  gradients:
    'both sides compute those of all parameters but the classifier, through p alone; neither computes one of the images',
  batch: 64,
  steps: 4,
  tolerances: { loss: 1e-3 },
  settings: { rate, momentum, decay },
  create(batch, seed) {
    const model = new SimSiam().initialize(seed);
    const optimizer = new SGD(model.namedParameters(), { rate, momentum, decay });
    const view1 = drawImages(batch, CIFAR_IMAGE, seed, 1001);
    const view2 = drawImages(batch, CIFAR_IMAGE, seed, 1002);
    const { macs, layers } = complexity(model, CIFAR_IMAGE);
    const first = layers.find(({ name }) => name === 'trunk.conv1')!;
    return {
      // As in TrainingStep, for two views.
      flops: 2 * 2 * batch * (3 * macs - first.macs),
      model,
      inputs: { view1, view2 },
      step: () =>
        scope(() => {
          optimizer.zeroGrad();
          const loss = symmetricLoss(model, view1, view2);
          loss.backward();
          optimizer.step();
          return { loss: loss.detach() };
        }),
    };
  },
};
