/** What a search records on its architecture, and what it warns of. */

export {
  type AlphaStatistics,
  alphaStatistics,
  type OperationCounts,
  type WeightKind,
} from './alpha-statistics.js';
export {
  type CollapseFinding,
  type CollapseLevel,
  type CollapseThresholds,
  collapseAlarm,
} from './collapse-alarm.js';
export { type GroupWeights, type WeightsByGroup, weightsFromStrengths } from './group-weights.js';
export {
  type HessianEigenvalue,
  type HessianEigenvalueOptions,
  hessianEigenvalue,
} from './hessian-eigenvalue.js';
export {
  type ExtremeEigenvalues,
  type LanczosOptions,
  lanczos,
  type MatrixVectorProduct,
  type RitzPair,
} from './lanczos.js';
export { isParameterFree, isSkip } from './parameter-free.js';
