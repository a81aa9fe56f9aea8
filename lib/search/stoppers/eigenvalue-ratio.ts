/** Stops when the validation loss gets sharp in the alphas (Zela et al., R-DARTS, arXiv 1909.09656, section 4.3). */

import { z } from 'zod';

import { NonFiniteError } from '../../errors.js';
import type { Stopper } from './stopper.js';

export const eigenvalueRatioSchema = z.strictObject({
  kind: z.literal('eigenvalue-ratio'),
  /** It stops when the mean eigenvalue is more than so many times what it was. */
  ratio: z.number().positive().default(1.3),
  /** Checks (epochs with an eigenvalue) that a mean is of. */
  window: z.int().min(1).default(5),
  /** So many checks lie between both means. */
  apart: z.int().min(1).default(4),
  /** It does not return to an epoch before this one. */
  from: z.int().nonnegative().default(10),
});

const stateSchema = z.strictObject({
  /** The last `window + apart` checks, in order. */
  checks: z.array(z.strictObject({ epoch: z.int().nonnegative(), eigenvalue: z.number() })),
});

export type EigenvalueRatioState = z.infer<typeof stateSchema>;

/**
 * The mean over the last `window` checks against the mean over the window that ended `apart` checks earlier; it returns to the
 * epoch of the check with which that one ended. Where the earlier mean is not positive there is no ratio, and it goes on (a
 * choice of ours). Epochs without an eigenvalue pass.
 */
export function eigenvalueRatio({
  ratio,
  window,
  apart,
  from,
}: Omit<z.infer<typeof eigenvalueRatioSchema>, 'kind'>): Stopper<EigenvalueRatioState> {
  return {
    initial: { checks: [] },
    stateSchema,
    observe(state, { epoch, eigenvalue }) {
      if (eigenvalue === null) return { state, stop: null };
      if (!Number.isFinite(eigenvalue)) {
        throw new NonFiniteError(`Expected a finite eigenvalue in epoch ${epoch}, got ${eigenvalue}.`);
      }
      const checks = [...state.checks, { epoch, eigenvalue }].slice(-window - apart);
      const next = { checks };
      if (checks.length < window + apart) return { state: next, stop: null };
      const before = mean(checks.slice(0, window));
      const now = mean(checks.slice(-window));
      const returnTo = checks[window - 1]!.epoch;
      if (returnTo < from || !(before > 0 && now / before > ratio)) return { state: next, stop: null };
      const reason = `the largest eigenvalue of the Hessian in the alphas has grown ${(now / before).toFixed(2)} times since epoch ${returnTo}, limit ${ratio}`;
      return { state: next, stop: { reason, returnTo } };
    },
  };
}

function mean(checks: readonly { readonly eigenvalue: number }[]): number {
  return checks.reduce((sum, { eigenvalue }) => sum + eigenvalue, 0) / checks.length;
}
