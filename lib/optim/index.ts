/** Optimisers and learning-rate schedules. */

export { clipGradNorm } from '../ops/optimizer.js';
export { cosineSchedule, oneCycleSchedule, type Schedule, stepSchedule } from './schedules.js';
export { SGD, type SGDOptions, type SGDState } from './sgd.js';
