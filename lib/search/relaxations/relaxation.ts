/** What a relaxation is: how architecture parameters become mixtures of candidates. One file each beside this. */

import type { Tensor } from '../../tensor.js';
import type { Architecture } from '../architecture.js';
import type { Drawing, Purpose } from '../pass.js';
import type { Mixture } from '../supernet.js';

export interface Relaxation extends Drawing, Disposable {
  /** Whether the host picks candidates for each pass: then a step cannot be recorded and replayed. */
  readonly sampled: boolean;
  /**
   * The mixture of the pass that was drawn for last, differentiable in the architecture's parameters. Only the device's work: the
   * host has done its part in `draw`.
   */
  mixture(purpose: Purpose): Mixture;
  /** For each group [edges, candidates]: how much of each candidate the architecture stands for, without any chance. */
  strengths(): Readonly<Record<string, Tensor>>;
  /** For each group [pairs]: how much of each pair of edges into a node (DOTS). */
  pairStrengths?(): Readonly<Record<string, Tensor>>;
  /** What it does to the parameters after each step of the architecture. Only the device's work. */
  settle?(): void;
}

/** What a relaxation is made from. */
export interface RelaxationContext {
  readonly architecture: Architecture;
  /** Of what it draws. */
  readonly seed: number;
}

/** Groups by name, each from its alphas. */
export function byGroup<T>(
  { byGroup: groups }: Architecture,
  make: (alphas: Tensor, name: string) => T,
): Record<string, T> {
  return Object.fromEntries([...groups].map(([name, { alphas }]) => [name, make(alphas, name)]));
}
