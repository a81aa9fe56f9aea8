/** ResNet-18 with a 3x3 stem for 32 x 32 images: 11.2 million parameters; 106.5 GFLOP a step of 32 images. */

import { trainingWorkload } from './training-step.js';

export const resnet18 = trainingWorkload({
  name: 'resnet18',
  model: 'resnet18_cifar',
  network: 'ResNet-18',
  batch: 32,
  steps: 2,
});
