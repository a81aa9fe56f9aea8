/** Differentiable architecture search: spaces, methods, runs, and what comes after. */

export { type Architecture, type ArchitectureInit, GroupParameters } from './architecture.js';
export { type PhaseConfig, phasesOf, type SearchConfig, searchDefaults, searchSchema } from './config.js';
export * from './diagnostics/index.js';
export { drawGenotype } from './drawing.js';
export { formatGenotype, parseGenotype } from './genotype-text.js';
export {
  type LatencyMachine,
  type LatencyTable,
  type LatencyTableOptions,
  latencyMachine,
  macsTable,
  measureLatencyTable,
  readLatencyTable,
  writeLatencyTable,
} from './latency-table.js';
export {
  CHALLENGES,
  METHOD_NAMES,
  type MethodName,
  type MethodPreset,
  methodPreset,
} from './methods/registry.js';
export { Mixer, type Strengths } from './mixer.js';
export { type PhaseOptions, SearchPhase, type StepLosses } from './phase.js';
export { runSearch, type SearchRunOptions } from './run-search.js';
export { type ScheduledValue, valueAt } from './scheduled-value.js';
export type { SearchCost, SearchResult } from './search-result.js';
export type { SearchEpoch } from './search-state.js';
export type { SearchSpace, SupernetOptions } from './space.js';
export { type SpaceConfig, spaceOf, spaceSchema } from './spaces/registry.js';
export * from './stoppers/index.js';
export type { Choice, EdgeGroup, Mixture, Supernet } from './supernet.js';
export {
  bestCell,
  type CellMean,
  cellMean,
  cellMeans,
  type OwnTable,
  percentile,
  randomCells,
  readOwnTable,
  regret,
  sampledCells,
  seedDeviation,
  writeOwnTable,
} from './tables/own-table.js';
export {
  lookUp,
  rankBySupernet,
  type SupernetRanking,
  type TableEntry,
} from './tables/table-lookup.js';
export {
  runTable,
  type TableConfig,
  type TableRunOptions,
  tableSchema,
} from './tables/train-table.js';
