/** Layers and models. */

export {
  AuxiliaryHead,
  AuxiliaryHeadImageNet,
  isTapped,
  type TappedModule,
  WithAuxiliaryHead,
} from './auxiliary-head.js';
export { BatchNorm, BatchNorm2d, type BatchNormOptions } from './batch-norm.js';
export { BatchNorm1d, type BatchNorm1dOptions } from './batch-norm-1d.js';
export { type Complexity, complexity, type LayerComplexity } from './complexity.js';
export { convBnAct, convBnAdd, convBnRelu6 } from './conv-bn-act.js';
export { Conv2d, type Conv2dLayerOptions } from './conv2d.js';
export { DropPath, type DropPathModel, hasDropPaths } from './drop-path.js';
export { Dropout } from './dropout.js';
export {
  type CellGenotype,
  type CellOperation,
  cellOperations,
  type DartsGenotype,
  type DistributedGenotype,
  type Genotype,
  genotypeSchema,
  type LayerwiseGenotype,
  type NasBench201Genotype,
  type NasBench201Operation,
  nasBench201Operations,
} from './genotype.js';
export { Linear, type LinearOptions } from './linear.js';
export {
  Candidate,
  type CandidateOptions,
  NoiseCandidate,
  SearchFilter,
  searchNorm,
} from './mixed-candidate.js';
export type { CellMixture, EdgeMixture, GroupMixture, SkipDisturbance } from './mixture.js';
export {
  type CellGroup,
  CellSearchNet,
  type CellSearchNetOptions,
  type GroupOfCell,
} from './models/cell-search-net.js';
export {
  Cell as GenotypeCell,
  CellNetwork,
  type CellNetworkSize,
  type CellsSpec,
  cellsSpec,
} from './models/cells.js';
export {
  DartsArchitecture,
  type DartsMixture,
  DartsSearchNet,
  type DartsSpec,
  dartsCandidates,
  dartsSpecSchema,
} from './models/darts.js';
export {
  type CellCandidate,
  cellCandidates,
  DartsCell,
  type DartsCellOptions,
  edgeCount,
} from './models/darts-cell.js';
export {
  buildModel,
  type ModelOf,
  type ModelOptions,
  type ModelSpec,
  modelFromSpec,
  modelNames,
  modelSpec,
  modelSpecSchema,
  type SpecModel,
} from './models/index.js';
export {
  Layerwise,
  type LayerwiseSkeleton,
  type LayerwiseSpec,
  layerwiseBlocks,
} from './models/layerwise.js';
export { MobileNetV2, type MobileNetV2Spec, mobileNetV2Spec } from './models/mobilenet-v2.js';
export { NasBench201, type NasBench201Spec, nasBench201Spec } from './models/nas-bench-201.js';
export { Proxyless, type ProxylessSpec, proxylessW03Spec } from './models/proxyless.js';
export { BasicBlock, Bottleneck } from './models/residual-block.js';
export { ResNet, type ResNetSpec, resNetSpec } from './models/resnet.js';
export {
  ResNetCifar,
  type ResNetCifarSpec,
  type ResNetCifarStage,
  resNetCifarSpec,
} from './models/resnet-cifar.js';
export { Vgg, type VggSpec, vggSpec } from './models/vgg.js';
export { WideResNet, type WideResNetSpec, wideResNetSpec } from './models/wide-resnet.js';
export { type AnyModule, Module, type ParameterRandom } from './module.js';
export {
  nasBench201CellCount,
  nasBench201FromNumber,
  nasBench201FromString,
  nasBench201String,
} from './nas-bench-201-string.js';
export { type ChannelStatistics, Normalize } from './normalize.js';
export { Parameter, StateBuffer } from './parameter.js';
export {
  isPublishedGenotype,
  publishedGenotype,
  publishedGenotypeNames,
} from './published-genotypes.js';
export { Sequential } from './sequential.js';
export type { StateSource } from './state-dict.js';
export { fromTorchState, StateMismatchError, torchShapes, toTorchState } from './torch-state.js';
export { type Sparsity, WeightMasks } from './weight-masks.js';
