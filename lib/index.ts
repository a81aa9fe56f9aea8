/**
 * lapidary: a native compute engine for vision networks. This file is the public surface.
 *
 * Importing it installs no signal handler and starts no work.
 */

export * from './attack/index.js';
export { Capture, capture, eachReplay } from './capture.js';
export * from './data/index.js';
export {
  Device,
  type DeviceKind,
  device,
  emptyMemoryCache,
  memory,
  type Precision,
  resetPeakMemory,
  type StepBlock,
  setMemoryLimit,
  useDevice,
} from './device.js';
export type { DType, HostArrays } from './dtype.js';
export * from './errors.js';
export * from './io/index.js';
export type { MemoryCounters } from './native.js';
export * from './nn/index.js';
export { adaptiveAvgPool2d } from './ops/adaptive-pool.js';
export { type BackwardOptions, backward, grad, type HvpOptions, hvp } from './ops/autograd.js';
export { type BatchNormState, batchNorm } from './ops/batch-norm.js';
export {
  type ConvBatchNormOptions,
  convBatchNorm,
  convBatchNormAdd,
  convBatchNormRelu6,
  residual,
} from './ops/conv-bn-act.js';
export { type Conv2dOptions, type ConvGeometry, conv2d } from './ops/conv2d.js';
export { cosineSimilarity } from './ops/cosine-similarity.js';
export {
  full,
  type NestedArray,
  ones,
  type RandomOptions,
  rand,
  randn,
  type TensorOptions,
  tensor,
  zeros,
} from './ops/create.js';
export { type CrossEntropyOptions, crossEntropy } from './ops/cross-entropy.js';
export {
  type CustomBackward,
  type CustomForward,
  type CustomOpDefinition,
  customOp,
} from './ops/custom-op.js';
export {
  type Augmentation,
  augment,
  type DrawnImages,
  type DrawOptions,
  drawScenes,
  drawShapes10,
} from './ops/data.js';
export { type DropoutOptions, dropout } from './ops/dropout.js';
export {
  abs,
  add,
  affine,
  cast,
  clamp,
  div,
  elu,
  equal,
  exp,
  gelu,
  greater,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  log,
  maximum,
  minimum,
  mul,
  neg,
  reciprocal,
  relu,
  relu6,
  sigmoid,
  sign,
  silu,
  sqrt,
  square,
  step,
  sub,
  tanh,
} from './ops/elementwise.js';
export { type GatherOptions, gather } from './ops/gather.js';
export {
  assign,
  clone,
  concat,
  detach,
  type PadWidths,
  pad,
  reshape,
  slice,
  transpose,
} from './ops/layout.js';
export { linear, type MatmulOptions, matmul } from './ops/linear.js';
export {
  type CandidateKind,
  type CandidateLayout,
  candidateKinds,
  candidateLayout,
  type MixedCandidate,
  type MixedEdge,
  type MixedStateOptions,
  mixedState,
  type RunningStatistics,
} from './ops/mixed-state.js';
export { Normed } from './ops/normed.js';
export { oneHot } from './ops/one-hot.js';
export {
  type AdamStepOptions,
  adam,
  lerp,
  norm2,
  type SgdStepOptions,
  sgd,
} from './ops/optimizer.js';
export { type PartialMixedStateOptions, partialMixedState } from './ops/partial-mixed-state.js';
export { type BallNorm, type PgdBox, pgdStart, pgdStep } from './ops/pgd.js';
export { avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions } from './ops/pool.js';
export { channelGather, channelScores, pruneMask } from './ops/prune.js';
export { type Axes, argMax, max, mean, min, type ReduceOptions, sum } from './ops/reduce.js';
export { logSoftmax, softmax } from './ops/softmax.js';
export { type StepRandomOptions, stepNormal, stepUniform } from './ops/step-random.js';
export {
  type Adjustment,
  type AffineTransform,
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  affineTransform,
  type ColorAdjustments,
  colorJitter,
  crop,
  erase,
  flip,
  gaussianBlur,
  grayscale,
  type Images,
  type PixelBox,
  type ResampleOptions,
  resize,
  resizedCrop,
  solarize,
  type ViewOptions,
} from './ops/transforms.js';
export * from './optim/index.js';
export { Profile, type ProfileRow, profile } from './profile.js';
export * from './prune/index.js';
export { compareRuns, type RunView, readRun } from './report/run-comparison.js';
export { enableGrad, keep, noGrad, own, scope } from './scope.js';
export * from './search/index.js';
export type { Pair, Shape } from './shape.js';
export { installSignalHandlers, type StopSignal, SystemStopSignal } from './signals.js';
export * from './study/index.js';
export { type AnyTensor, Tensor } from './tensor.js';
export * from './train/index.js';
