/** A second classifier on the middle of a network, trained beside it and left away afterwards. */

import { ShapeError } from '../errors.js';
import { avgPool2d } from '../ops/pool.js';
import type { Tensor } from '../tensor.js';
import { BatchNorm2d } from './batch-norm.js';
import { convBnAct } from './conv-bn-act.js';
import { Conv2d } from './conv2d.js';
import { Linear } from './linear.js';
import { Module } from './module.js';

/** A network that can give an inner map beside its logits. */
export interface TappedModule extends Module {
  /** Channels of the inner map. */
  readonly tapChannels: number;
  /** Which of DARTS' heads its map is for: of 8 x 8 (default), or of 7 x 7. */
  readonly headKind?: 'cifar' | 'imagenet';
  /** Logits [N, classes], and the inner map [N, H, W, tapChannels]: of one pass. */
  forwardTapped(x: Tensor): readonly [logits: Tensor, tap: Tensor];
}

/** Whether a network has an inner map to give. */
export function isTapped(model: Module): model is TappedModule {
  return 'forwardTapped' in model;
}

const POOLED = 128;
const FEATURES = 768;

/**
 * The auxiliary head of DARTS for CIFAR (Liu et al., arXiv 1806.09055; `AuxiliaryHeadCIFAR` of its code, whose names these
 * are): ReLU, 5x5 average of stride 3, 1x1 convolution to 128 channels, 2x2 convolution to 768, linear.
 *
 * [N, 8, 8, C] -> logits [N, classes].
 */
export class AuxiliaryHead extends Module {
  /** Layers without parameters keep their places, so that the others have the numbers of DARTS. */
  readonly features: readonly ['relu', 'avgpool', Conv2d, BatchNorm2d, 'relu', Conv2d, BatchNorm2d, 'relu'];
  readonly classifier: Linear;

  constructor(channels: number, classes: number) {
    super();
    this.features = [
      'relu',
      'avgpool',
      new Conv2d(channels, POOLED, 1, { bias: false }),
      new BatchNorm2d(POOLED),
      'relu',
      new Conv2d(POOLED, FEATURES, 2, { bias: false }),
      new BatchNorm2d(FEATURES),
      'relu',
    ];
    this.classifier = new Linear(FEATURES, classes);
  }

  /** @throws ShapeError when the map is not of 8 x 8 (up to 10 x 10, of which the average leaves 2 x 2 too) */
  override forward(x: Tensor): Tensor {
    const [, height = 0, width = 0] = x.shape;
    if (Math.min(height, width) < 8 || Math.max(height, width) > 10) {
      throw new ShapeError(
        `Expected a map of 8 x 8 for the auxiliary head, got [${x.shape.join(', ')}]; it is made for images of 32 x 32.`,
      );
    }
    const [, , conv1, bn1, , conv2, bn2] = this.features;
    const pooled = avgPool2d(x.relu(), 5, { stride: 3, countPadding: false });
    const y = convBnAct(convBnAct(pooled, conv1, bn1), conv2, bn2).tensor();
    return this.classifier.forward(y.reshape([-1, FEATURES]));
  }
}

/**
 * The auxiliary head of DARTS for ImageNet (`AuxiliaryHeadImageNet` of its code): as that for CIFAR, but for an average of
 * stride 2, and no normalisation behind the second convolution, which its authors left out by mistake and kept.
 *
 * [N, 7, 7, C] -> logits [N, classes].
 */
export class AuxiliaryHeadImageNet extends Module {
  readonly features: readonly ['relu', 'avgpool', Conv2d, BatchNorm2d, 'relu', Conv2d, 'relu'];
  readonly classifier: Linear;

  constructor(channels: number, classes: number) {
    super();
    this.features = [
      'relu',
      'avgpool',
      new Conv2d(channels, POOLED, 1, { bias: false }),
      new BatchNorm2d(POOLED),
      'relu',
      new Conv2d(POOLED, FEATURES, 2, { bias: false }),
      'relu',
    ];
    this.classifier = new Linear(FEATURES, classes);
  }

  /** @throws ShapeError when the map is not of 7 x 7 (or 8 x 8, of which the average leaves 2 x 2 too) */
  override forward(x: Tensor): Tensor {
    const [, height = 0, width = 0] = x.shape;
    if (Math.min(height, width) < 7 || Math.max(height, width) > 8) {
      throw new ShapeError(
        `Expected a map of 7 x 7 for the auxiliary head of ImageNet, got [${x.shape.join(', ')}]; it is made for images of 224 x 224.`,
      );
    }
    const [, , conv1, bn1, , conv2] = this.features;
    const pooled = avgPool2d(x.relu(), 5, { stride: 2, countPadding: false });
    const y = conv2.forward(convBnAct(pooled, conv1, bn1).tensor()).relu();
    return this.classifier.forward(y.reshape([-1, FEATURES]));
  }
}

/**
 * A network and an auxiliary head on its inner map, to be trained together: DARTS adds 0.4 times the head's loss. As a
 * module it is the network alone; `model` is what is saved in the end.
 */
export class WithAuxiliaryHead<Model extends TappedModule = TappedModule> extends Module {
  readonly model: Model;
  readonly auxiliary_head: AuxiliaryHead | AuxiliaryHeadImageNet;

  /**
   * Takes the network over as it is; the head is drawn by `seed`.
   *
   * @param options `classes`: of the network's logits
   */
  constructor(model: Model, options: { readonly classes: number; readonly seed: number }) {
    super();
    this.model = model;
    const Head = model.headKind === 'imagenet' ? AuxiliaryHeadImageNet : AuxiliaryHead;
    this.auxiliary_head = new Head(model.tapChannels, options.classes).initialize(options.seed);
  }

  /** The network's logits, in training and in evaluation. */
  override forward(x: Tensor): Tensor {
    return this.model.forward(x);
  }

  /** Both logits of one pass; in evaluation the head is not computed. */
  forwardWithAuxiliary(x: Tensor): readonly [logits: Tensor, auxiliaryLogits: Tensor | null] {
    if (!this.training) return [this.model.forward(x), null];
    const [logits, tap] = this.model.forwardTapped(x);
    return [logits, this.auxiliary_head.forward(tap)];
  }
}
