/** Training: the loop, its objectives, and runs in folders. */

export {
  type DataRecipe,
  dataSchema,
  evaluationBatches,
  openTrainingData,
  type TrainingData,
} from './data-recipe.js';
export { type ModelChoice, modelChoiceSchema, readGenotype, resolveModelChoice } from './model-choice.js';
export { loadModel, saveModel } from './model-file.js';
export type { Objective, ObjectiveContext, ObjectiveValue } from './objective.js';
export { type DistillationOptions, distillationObjective, softLoss } from './objectives/distillation.js';
export { type FastOptions, fastObjective } from './objectives/fast.js';
export { type MartOptions, martLoss, martObjective } from './objectives/mart.js';
export { type PgdAtOptions, pgdAtObjective } from './objectives/pgd-at.js';
export { createObjective, type ObjectiveConfig, objectiveSchema } from './objectives/registry.js';
export { standardObjective } from './objectives/standard.js';
export { type TradesOptions, tradesObjective } from './objectives/trades.js';
export { isCatastrophicOverfitting, type RobustMeasures } from './overfitting-guard.js';
export type { ProgressSink } from './progress-sink.js';
export {
  createOptimizer,
  createSchedule,
  type PreparedTraining,
  prepareTraining,
  type Recipe,
  recipeSchema,
} from './recipe.js';
export { DATA_FILE, type RunData } from './run-data.js';
export {
  ENVIRONMENT_FILE,
  type RunEnvironment,
  type RunProcess,
  readEnvironment,
} from './run-environment.js';
export type { TrainingPosition, TrainingSnapshot } from './snapshot.js';
export {
  type BatchSource,
  Trainer,
  type TrainerOptions,
  type TrainingRecord,
  type ValidationMeasures,
} from './trainer.js';
export {
  runTraining,
  type TrainConfig,
  type TrainingRunOptions,
  type TrainResult,
  trainSchema,
} from './training-run.js';
