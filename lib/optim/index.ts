/** Optimisers and learning-rate schedules. */

export { clipGradNorm } from '../ops/optimizer.js';
export { Adam, type AdamOptions, AdamW } from './adam.js';
export { WeightAverage, type WeightAverageOptions } from './ema.js';
export { Optimizer, type OptimizerOptions, type OptimizerState, type StepLists } from './optimizer.js';
export type { ParameterGroup, StepRule } from './parameter-groups.js';
export { cosineSchedule, oneCycleSchedule, type Schedule, stepSchedule } from './schedules.js';
export { SGD, type SGDOptions } from './sgd.js';
