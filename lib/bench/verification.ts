/** Whether an implementation computes what its kernel says: against ref<double>, and twice for equal bits. */

import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import type { BenchCase } from './bench-case.js';
import { type CaseOperands, runOnCopies, type Values } from './operands.js';

/** `mistrusted`: nothing went wrong, but the case could not have shown it. */
export type Verdict =
  | { readonly status: 'passed'; readonly error?: number }
  | { readonly status: 'failed' | 'mistrusted'; readonly reason: string };

/** Of the largest value of an output, in f32 (docs/architecture.md, section 10). */
const TOLERANCE = 1e-5;
/** Implementations that trade accuracy for speed, by their own statement. */
const TOLERANCES: Readonly<Record<string, number>> = { winograd_f4x3: 1e-4 };

/** Kernels that may be asked for zeros: those they write take the place of the NaN that an output holds before. */
const WRITES_A_CONSTANT = new Set(['fill']);

/** What `implementation` (`avx512:winograd_f4x3`) may be off by, relative to the largest value of an output. */
export function toleranceOf(implementation: string): number {
  return TOLERANCES[implementation.slice(implementation.indexOf(':') + 1)] ?? TOLERANCE;
}

/** What ref<double> says about a case, computed once for all implementations. */
export class Reference {
  readonly #benchCase: BenchCase;
  readonly #drawn: CaseOperands;
  readonly #outputs: readonly number[];
  readonly #values: readonly (Values | null)[];

  constructor(benchCase: BenchCase, drawn: CaseOperands) {
    this.#benchCase = benchCase;
    this.#drawn = drawn;
    this.#outputs = drawn.operands.flatMap(({ role, count }, at) => (role === 'in' || count === 0 ? [] : at));
    this.#values = runOnCopies(benchCase, drawn, 'ref64');
  }

  /** Why the case proves nothing, or null. */
  get mistrust(): string | null {
    const { operands, values } = this.#drawn;
    if (WRITES_A_CONSTANT.has(this.#benchCase.kernel)) return null;
    let informative = 0;
    for (const at of this.#outputs) {
      const { name, role, dtype } = operands[at]!;
      const before = role === 'inout' ? values[at]! : null;
      const tells = this.#values[at]!.some(
        (value, index) => Number.isFinite(value) && value !== (before === null ? 0 : before[index]!),
      );
      if (tells) informative++;
      else if (role === 'out' && dtype === 'f32') return `${name} is 0 throughout, or not finite`;
    }
    return informative > 0 ? null : 'no output holds anything but zeros, or changes';
  }

  /** Compares an implementation's outputs with the reference. `error` is the largest one, relative to its output's largest value. */
  correctness(implementation: string, tolerance = toleranceOf(implementation)): Verdict {
    const got = runOnCopies(this.#benchCase, this.#drawn, implementation);
    let worst = 0;
    for (const at of this.#outputs) {
      const { name, dtype } = this.#drawn.operands[at]!;
      const wanted = this.#values[at]!;
      const scale = largest(wanted);
      const limit = dtype === 'f32' ? tolerance * scale : 0;
      const actual = got[at]!;
      for (let index = 0; index < wanted.length; index++) {
        const difference = Math.abs(actual[index]! - wanted[index]!);
        // Object.is for NaN and infinities, which have no difference.
        if (!(difference <= limit) && !Object.is(actual[index], wanted[index])) {
          return {
            status: 'failed',
            reason: `${name}[${index}] is ${actual[index]}, ref64 says ${wanted[index]} (largest ${scale}, limit ${limit})`,
          };
        }
        if (difference > worst * scale) worst = difference / scale;
      }
    }
    const doubt = this.mistrust;
    return doubt === null ? { status: 'passed', error: worst } : { status: 'mistrusted', reason: doubt };
  }

  /**
   * Compares the bits of runs: on the processor with different numbers of threads, which are then as they were; on a GPU one
   * after the other (softgpu draws another schedule for each).
   */
  bitwise(implementation: string): Verdict {
    const { threads, device } = addon.engine();
    const first = runOnCopies(this.#benchCase, this.#drawn, implementation);
    try {
      for (const count of new Set([threads, 1, 2, 3])) {
        native(() => addon.setThreads(count));
        const again = runOnCopies(this.#benchCase, this.#drawn, implementation);
        for (const at of this.#outputs) {
          if (!bytesOf(first[at]!).equals(bytesOf(again[at]!))) {
            const { name } = this.#drawn.operands[at]!;
            return {
              status: 'failed',
              reason:
                device === 'cpu'
                  ? `${name} has other bits with ${count} threads than with ${threads}`
                  : `${name} has other bits in another run`,
            };
          }
        }
      }
    } finally {
      native(() => addon.setThreads(threads));
    }
    const doubt = this.mistrust;
    return doubt === null ? { status: 'passed' } : { status: 'mistrusted', reason: doubt };
  }
}

function largest(values: Values): number {
  let scale = 0;
  for (const value of values) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  return scale;
}

function bytesOf({ buffer, byteOffset, byteLength }: Values): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
