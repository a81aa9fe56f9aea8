/** ResNet-20 for CIFAR (He et al., arXiv 1512.03385, section 4.2): 272,474 parameters; 31.23 GFLOP a step of 128 images. */

import { trainingWorkload } from './training-step.js';

export const resnet20 = trainingWorkload({
  name: 'resnet20',
  model: 'resnet20',
  network: 'ResNet-20',
  batch: 128,
  steps: 4,
});
