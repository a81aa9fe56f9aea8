/** Layers and models. */

export { BatchNorm2d, type BatchNormOptions } from './batch-norm.js';
export { type Complexity, complexity, type LayerComplexity } from './complexity.js';
export { convBnAct } from './conv-bn-act.js';
export { Conv2d, type Conv2dLayerOptions } from './conv2d.js';
export { Linear, type LinearOptions } from './linear.js';
export {
  buildModel,
  type ModelOptions,
  type ModelSpec,
  modelFromSpec,
  modelNames,
  type SpecModel,
} from './models/index.js';
export {
  BasicBlock,
  ResNetCifar,
  type ResNetCifarSpec,
  type ResNetCifarStage,
  resNetCifarSpec,
} from './models/resnet-cifar.js';
export { type AnyModule, Module, type ParameterRandom } from './module.js';
export { type ChannelStatistics, Normalize } from './normalize.js';
export { Parameter, StateBuffer } from './parameter.js';
export { Sequential } from './sequential.js';
export type { StateSource } from './state-dict.js';
export { fromTorchState, StateMismatchError, toTorchState } from './torch-state.js';
