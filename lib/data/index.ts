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
export { type Cifar100Options, cifar100 } from './cifar100.js';
export { type DataSpec, openDataset, parseDataSpec } from './data-spec.js';
export { type Dataset, HeldOutSet } from './dataset.js';
export { type CacheEntry, type CacheFooter, cacheFolder, clearCache, listCache } from './decoded-cache.js';
export type { DrawnOptions } from './drawn/drawn-dataset.js';
export { scenes } from './drawn/scenes.js';
export { type Shapes10Options, shapes10 } from './drawn/shapes10.js';
export { type DownloadOptions, download } from './get/download.js';
export { type ArchiveName, archives, type GetOptions, getDataset } from './get/get-dataset.js';
export { type ImageFolderOptions, imageFolder } from './image-folder.js';
export { ImageSet } from './image-set.js';
export { type Batch, type EpochOptions, Loader, type LoaderOptions } from './loader.js';
export { type MetaAlbumOptions, metaAlbum } from './meta-album.js';
export { mnist } from './mnist.js';
export { PhiloxSequence, permutation, philoxBlock } from './philox.js';
export type { PictureOptions, ReadNotes } from './read-options.js';
export { makeSplit, readSplit, type Split, writeSplit } from './split.js';
export { type DatasetSummary, type PartSummary, summarizeDataset } from './summarize-dataset.js';
export { tinyImagenet } from './tiny-imagenet.js';
