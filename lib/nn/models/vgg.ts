/** VGG with batch normalisation: VGG-11-BN, VGG-16-BN (Simonyan and Zisserman, arXiv 1409.1556), of any widths. */

import { z } from 'zod';

import { adaptiveAvgPool2d } from '../../ops/adaptive-pool.js';
import { maxPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { Conv2d } from '../conv2d.js';
import { Dropout } from '../dropout.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { commonOf, commonSpec, countSchema, dropoutRateSchema, type ModelOptions } from './spec.js';

export const vggSpecSchema = z.strictObject({
  model: z.literal('vgg'),
  ...commonSpec,
  /** Channels of the 3x3 convolutions of each stage. Behind a stage a 2x2 maximum halves height and width. */
  stages: z.array(z.array(countSchema).min(1)).min(1),
  /** Features of the two hidden linear layers. */
  hidden: z.tuple([countSchema, countSchema]),
  /** Behind the hidden linear layers. */
  dropout: dropoutRateSchema,
});

/** All that is needed to build the network, but its weights. Plain JSON. */
export type VggSpec = z.infer<typeof vggSpecSchema>;

/** Layers without parameters keep their places, so that the others have torchvision's numbers. */
type FeatureLayer = Conv2d | BatchNorm2d | 'relu' | 'maxpool';
type ClassifierLayer = Linear | Dropout | 'relu';

/** Height and width that the classifier sees; smaller maps are enlarged to it, as torchvision does. */
const MAP = 7;

/**
 * [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]. Parameters are named as torchvision's: `features.N`,
 * `classifier.N`. As there, convolutions have a bias, though the normalisation behind them takes it away in training.
 */
export class Vgg extends Module {
  readonly spec: VggSpec;
  readonly normalize: Normalize;
  readonly features: readonly FeatureLayer[];
  readonly classifier: readonly ClassifierLayer[];

  constructor(spec: VggSpec) {
    super();
    this.spec = structuredClone(spec);
    const { stages, hidden, dropout, normalization, classes } = spec;
    this.normalize = new Normalize(normalization);
    const features: FeatureLayer[] = [];
    let channels = normalization.mean.length;
    for (const width of stages.flatMap((widths) => [...widths, null])) {
      if (width === null) {
        features.push('maxpool');
        continue;
      }
      features.push(
        new Conv2d(channels, width, 3, { padding: 1, bias: 'zero' }),
        new BatchNorm2d(width),
        'relu',
      );
      channels = width;
    }
    this.features = features;
    const deviation = 0.01;
    this.classifier = [
      new Linear(MAP * MAP * channels, hidden[0], { deviation, flattenedFrom: [MAP, MAP, channels] }),
      'relu',
      new Dropout(dropout),
      new Linear(hidden[0], hidden[1], { deviation }),
      'relu',
      new Dropout(dropout),
      new Linear(hidden[1], classes, { deviation }),
    ];
  }

  override forward(x: Tensor): Tensor {
    let y = this.normalize.forward(x);
    for (const layer of this.features) {
      if (layer === 'relu') y = y.relu();
      else if (layer === 'maxpool') y = maxPool2d(y, 2);
      else y = layer.forward(y);
    }
    y = adaptiveAvgPool2d(y, MAP);
    y = y.reshape([x.shape[0]!, -1]);
    for (const layer of this.classifier) y = layer === 'relu' ? y.relu() : layer.forward(y);
    return y;
  }
}

const STAGES = {
  11: [[64], [128], [256, 256], [512, 512], [512, 512]],
  16: [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ],
};

/** The spec of VGG-11-BN or VGG-16-BN with torchvision's widths and dropout of 0.5. */
export function vggSpec(depth: keyof typeof STAGES, options: ModelOptions): VggSpec {
  const stages = STAGES[depth].map((widths) => [...widths]);
  return { model: 'vgg', ...commonOf(options), stages, hidden: [4096, 4096], dropout: 0.5 };
}
