/** ResNet-152 (He et al., arXiv 1512.03385): inference on 224 x 224 images; 92.1 GFLOP for 4 of them. */

import { exportOnnx } from '../../lib/io/graph/export.js';
import { complexity } from '../../lib/nn/complexity.js';
import { buildModel } from '../../lib/nn/models/index.js';
import { noGrad, scope } from '../../lib/scope.js';
import { calibrateStatistics } from './calibration.js';
import { drawImages } from './inputs.js';
import type { Workload } from './workload.js';

const image = [224, 224, 3];
const classes = 1000;
const normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

export const resnet152: Workload = {
  name: 'resnet152',
  title:
    'ResNet-152, inference at 224 x 224, in evaluation mode; random weights, running statistics of one batch',
  gradients: 'neither side computes any, or keeps what one would need',
  batch: 4,
  steps: 2,
  tolerances: { logits: 1e-3 },
  settings: {},
  create(batch, seed) {
    const model = buildModel('resnet152', { classes, normalization, seed });
    const images = drawImages(batch, image, seed);
    calibrateStatistics(model, images);
    return {
      flops: 2 * batch * complexity(model, image).macs,
      model,
      inputs: { images },
      step: () => noGrad(() => scope(() => ({ logits: model.forward(images) }))),
      exportOnnx: (path) => exportOnnx(path, model, image, { name: 'resnet152' }),
    };
  },
};
