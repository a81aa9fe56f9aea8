/** Data sets and batches. */

export {
  type AugmentationConfig,
  type AugmentationPreset,
  augmentationPresets,
  augmentationSchema,
  type DrawnTransform,
  type Transform,
  TransformChain,
  type TransformInput,
  transformSchema,
} from './augmentation.js';
export { cifar10 } from './cifar10.js';
export { type DataSpec, openDataset, parseDataSpec } from './data-spec.js';
export { type Dataset, HeldOutSet } from './dataset.js';
export { type Shapes10Options, shapes10 } from './drawn/shapes10.js';
export { ImageSet } from './image-set.js';
export { type Batch, type EpochOptions, Loader, type LoaderOptions } from './loader.js';
export { PhiloxSequence, permutation, philoxBlock } from './philox.js';
export { makeSplit, readSplit, type Split, writeSplit } from './split.js';
