/**
 * Catastrophic overfitting: fast adversarial training learns to withstand one step only. FGSM accuracy then rises while
 * PGD accuracy collapses within an epoch (arXiv 2001.03994, section 5.4).
 */

/** Validation accuracies in [0, 1] after an epoch. */
export interface RobustMeasures {
  readonly fgsm: number;
  readonly pgd: number;
}

/**
 * PGD accuracy must fall by more than this from one epoch to the next: less is noise on a few hundred images.
 * Our choice; the authors' code stops at a fall of 0.2.
 */
export const COLLAPSE = 0.1;
/** After so many returns training ends at the last sound epoch, as the authors' early stopping does. */
export const MAX_RETURNS = 3;

/** Whether FGSM accuracy rose while PGD accuracy collapsed. */
export function isCatastrophicOverfitting(before: RobustMeasures, after: RobustMeasures): boolean {
  return after.fgsm > before.fgsm && after.pgd < before.pgd - COLLAPSE;
}
