/** Whether two sides have computed the same. */

import type { HostTensor } from '../lib/io/host-tensor.js';

type Values = ReadonlyMap<string, HostTensor>;
/** What is allowed for each output. */
type Limits = Readonly<Record<string, number>>;

/**
 * How far each of our outputs is from the peer's, ||ours - theirs|| / ||theirs||.
 *
 * @throws Error that names the output when one is missing, of another shape, not finite, or farther than its tolerance
 */
export function requireAgreement(
  ours: Values,
  theirs: Values,
  limits: Limits,
  whose = "the peer's",
): Map<string, number> {
  const distances = new Map<string, number>();
  for (const [name, a] of ours) {
    const b = theirs.get(name);
    const tolerance = limits[name] ?? 0;
    if (b === undefined || a.data.length !== b.data.length) {
      throw new Error(`'${name}': expected ${described(a)}, as ours is, from the peer, got ${described(b)}.`);
    }
    const distance = relativeDistance(a.data, b.data);
    if (!(distance <= tolerance)) {
      throw new Error(
        `'${name}' is ${distance.toExponential(2)} from ${whose}, relative to its norm, and at most ${tolerance} is ` +
          `allowed: the two sides do not do the same work. First values: ${firstOf(a)}; there: ${firstOf(b)}.`,
      );
    }
    distances.set(name, distance);
  }
  return distances;
}

/** How far an output of each side is from the same in float64. */
export interface Arbitration {
  readonly ours: number;
  readonly peer: number;
}

/**
 * The rule of docs/architecture.md, section 10: we may be as far from float64 as the tolerance, or three times as far as the peer.
 *
 * @throws Error that names the output when one is farther
 */
export function arbitrate(
  ours: Values,
  theirs: Values,
  float64: Values,
  limits: Limits,
): Map<string, Arbitration> {
  const arbitrations = new Map<string, Arbitration>();
  const peers = requireAgreement(theirs, float64, unlimited(limits), "float64's");
  for (const [name, peer] of peers) {
    const limit = { [name]: Math.max(limits[name]!, 3 * peer) };
    const distance = requireAgreement(new Map([[name, ours.get(name)!]]), float64, limit, "float64's").get(
      name,
    )!;
    arbitrations.set(name, { ours: distance, peer });
  }
  return arbitrations;
}

const unlimited = (limits: Limits): Limits =>
  Object.fromEntries(Object.keys(limits).map((name) => [name, Number.MAX_VALUE]));

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
