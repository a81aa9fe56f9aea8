/** Studies: grids of runs, their statistics, and their tables. */

export {
  type BootstrapOptions,
  bootstrapInterval,
  deviation,
  type Interval,
  pairedDifferences,
  quantile,
  type Summary,
  summarizeSample,
} from '../statistics.js';
export {
  analyse,
  type MeasuredCell,
  type PairedComparison,
  type RowOutcome,
  readOutcomes,
  type StudyOutcome,
  type TrialOutcome,
} from './analysis.js';
export { collectStudy } from './collect.js';
export { type Measure, resolveStudyConfig, type StudyConfig, studySchema } from './config.js';
export { type CellPlan, planStudy, type StudyPlan } from './plan.js';
export { runTrials, type StudyRunOptions } from './runner.js';
export {
  type ComparedMethod,
  type Comparison,
  type ComparisonConfig,
  compareSearches,
  comparisonSchema,
  studyOf,
  type TaxonomyGroup,
} from './search-comparison.js';
export { collectComparison, comparisonTable } from './search-comparison-report.js';
export { type SmokeOutcome, smokeTest } from './smoke.js';
export { StudyFolder } from './study-folder.js';
export { LEASE_SECONDS } from './trial-claim.js';
export type { TrialStatus } from './trial-status.js';
export { type Cell, expandStudy, matchTrials, type Row, type Study, type Trial } from './trials.js';
export type { StageCost, TrialCost, Workflow } from './workflow.js';
export { WORKFLOW_NAMES, type WorkflowName } from './workflows/registry.js';
