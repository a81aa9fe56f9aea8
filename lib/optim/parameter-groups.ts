/** Parameters that learn at another rate, or decay otherwise, than the rest. */

import { ArgumentError } from '../errors.js';
import type { Parameter } from '../nn/parameter.js';

/** Which parameters a group has, and how their steps differ. */
export interface ParameterGroup {
  /** Names of parameters, in which `*` stands for any text (`fc.*`), several of them, or a predicate. */
  readonly match: string | readonly string[] | ((name: string, parameter: Parameter) => boolean);
  /** Their rate relative to the optimiser's, at least 0. Default 1. */
  readonly rateFactor?: number;
  /** Weight decay of all of them, vectors too, at least 0. Default: the optimiser's. */
  readonly decay?: number;
}

/** What decides how one parameter is stepped. */
export interface StepRule {
  readonly rateFactor: number;
  readonly decay: number;
}

/**
 * The rule of each parameter by name. Those that no group matches follow the optimiser's own settings.
 *
 * @throws ArgumentError when a number is out of range, a parameter is in two groups, or a group has none
 */
export function stepRules(
  parameters: ReadonlyMap<string, Parameter>,
  groups: readonly ParameterGroup[],
  { decay, decayVectors }: { readonly decay: number; readonly decayVectors: boolean },
): Map<string, StepRule> {
  const own = (parameter: Parameter): number => (decayVectors || parameter.rank > 1 ? decay : 0);
  const rules = new Map<string, StepRule>();
  for (const group of groups) {
    requireAtLeastZero('rateFactor of a group', group.rateFactor ?? 1);
    requireAtLeastZero('weight decay of a group', group.decay ?? 0);
    const members = [...parameters].filter(([name, parameter]) => matches(group, name, parameter));
    if (members.length === 0) {
      throw new ArgumentError(
        `Expected parameters in the group ${described(group)}, but it matches none of ${listed([...parameters.keys()])}.`,
      );
    }
    for (const [name, parameter] of members) {
      if (rules.has(name)) {
        throw new ArgumentError(
          `Expected each parameter in at most one group, but ${name} is in ${described(group)} and in one before it.`,
        );
      }
      rules.set(name, { rateFactor: group.rateFactor ?? 1, decay: group.decay ?? own(parameter) });
    }
  }
  for (const [name, parameter] of parameters) {
    if (!rules.has(name)) rules.set(name, { rateFactor: 1, decay: own(parameter) });
  }
  return rules;
}

/** @throws ArgumentError */
export function requireAtLeastZero(what: string, value: number): void {
  if (value >= 0 && Number.isFinite(value)) return;
  throw new ArgumentError(`Expected a ${what} of at least 0, got ${value}.`);
}

function matches({ match }: ParameterGroup, name: string, parameter: Parameter): boolean {
  if (typeof match === 'function') return match(name, parameter);
  return [match].flat().some((pattern) => namePattern(pattern).test(name));
}

/** A name in which `*` stands for any text. */
function namePattern(pattern: string): RegExp {
  const literals = pattern.split('*').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.join('.*')}$`);
}

function described({ match }: ParameterGroup): string {
  return typeof match === 'function' ? 'of a predicate' : [match].flat().join(', ');
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown || '(no parameters)';
}
