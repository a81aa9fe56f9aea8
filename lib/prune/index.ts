/** Robust channel pruning. */

export { type Budget, solveBudget, type WeightedGroup } from './budget-solver.js';
export { type ChannelCost, type CostMeasure, channelCost } from './channel-cost.js';
export { type ChannelPlan, type ChannelPlanOptions, type GroupPlan, planChannels } from './channel-plan.js';
export { type KeptChannels, selectChannels } from './channel-selection.js';
export { type ChannelGroup, type ChannelWiring, channelWiring, type WiredLayer } from './channel-wiring.js';
export { type PruneConfig, pruneSchema } from './config.js';
export type { Criterion } from './criteria/criterion.js';
export { CRITERIA, CRITERION_NAMES, type CriterionName } from './criteria/registry.js';
export { type LatencyOptions, measureLatencies } from './latency.js';
export { type MagnitudeMaskOptions, magnitudeMasks } from './magnitude-masks.js';
export { type PipelineOptions, type PruneResult, runPruning } from './pipeline.js';
export type { GroupSensitivity, RatioMap } from './ratios/ratio-map.js';
export { RATIO_MAP_NAMES, RATIO_MAPS, type RatioChoice, type RatioMapName } from './ratios/registry.js';
export type { NetworkResult } from './result.js';
export {
  type AdversarialSet,
  type ModuleSensitivity,
  moduleSensitivities,
  type SensitivityOptions,
} from './sensitivity.js';
export { removeChannels } from './surgery.js';
export { planWeights, type WeightPlan, type WeightPlanOptions } from './weight-plan.js';
