/** Whether two sides have computed the same. */

import type { HostTensor } from '../lib/io/host-tensor.js';
import type { Tolerances } from './workloads/workload.js';

type Values = ReadonlyMap<string, HostTensor>;

/**
 * How far each output is from the peer's, ||ours - theirs|| / ||theirs||.
 *
 * @throws Error that names the output when one is missing, of another shape, not finite, or farther than its tolerance
 */
export function requireAgreement(ours: Values, theirs: Values, tolerances: Tolerances): Map<string, number> {
  const distances = new Map<string, number>();
  for (const [name, tolerance] of Object.entries(tolerances)) {
    const [a, b] = [ours.get(name), theirs.get(name)];
    if (a === undefined || b === undefined || a.data.length !== b.data.length) {
      throw new Error(`'${name}': expected ${described(a)}, as ours is, from the peer, got ${described(b)}.`);
    }
    const distance = relativeDistance(a.data, b.data);
    if (!(distance <= tolerance)) {
      throw new Error(
        `'${name}' is ${distance.toExponential(2)} from the peer's, relative to its norm, and at most ${tolerance} is ` +
          `allowed: the two sides do not do the same work. First values: ${firstOf(a)}; peer: ${firstOf(b)}.`,
      );
    }
    distances.set(name, distance);
  }
  return distances;
}

/** ||a - b|| / ||b||; NaN when an element is none. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

const described = (tensor: HostTensor | undefined): string =>
  tensor === undefined ? 'nothing' : `[${tensor.shape.join(', ')}]`;

const firstOf = ({ data }: HostTensor): string => Array.from(data.slice(0, 4)).join(', ');
