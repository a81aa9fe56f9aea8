/** Attacks, and robustness against them. */

export type { Attack, LabelledImages } from './attack.js';
export { type FgsmOptions, fgsm, fgsmAttack } from './fgsm.js';
export { inEvaluationMode } from './network-mode.js';
export { type PgdOptions, pgd, pgdAttack } from './pgd.js';
export { type ProjectedAscent, projectedAscent } from './projected-ascent.js';
export { ATTACK_KINDS, type AttackConfig, attackSchema, createAttack } from './registry.js';
export {
  type EvaluationOptions,
  evaluateRobustness,
  type Robustness,
  robustAccuracy,
} from './robust-accuracy.js';
