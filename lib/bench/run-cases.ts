/** Runs cases in one of the driver's modes: picks implementations, verifies them, times those that are right. */

import { ArgumentError, LapidaryError } from '../errors.js';
import type { KernelImplementation } from '../native.js';
import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import { type BenchCase, caseText } from './bench-case.js';
import { type Counts, countImplementation } from './counters.js';
import { drawOperands } from './operands.js';
import type { Peaks } from './peaks.js';
import { type Timing, type TimingOptions, timeImplementations } from './timing.js';
import { Reference, type Verdict } from './verification.js';

/**
 * `correctness`: against ref<double>. `bitwise`: equal bits again and for other numbers of threads. `perf`: verified, then timed.
 * `count`: verified, then held to the bytes that it says it moves, on a device that counts.
 */
export type BenchMode = 'correctness' | 'bitwise' | 'perf' | 'count';

/** Which implementations have their turn. */
export interface Choice {
  /** `avx2`, or `all` that this processor and build have; without it the engine's own, but all in correctness and bitwise. */
  readonly isa?: string | undefined;
  /** `implicit_gemm`, `avx2:implicit_gemm`, or `all`; without it the engine's own choice, but all in correctness and bitwise. */
  readonly implementation?: string | undefined;
}

export interface RunOptions extends Choice {
  readonly mode: BenchMode;
  /** Instead of the implementation's own, relative to the largest value of an output. */
  readonly tolerance?: number | undefined;
  /** False: timed or counted unverified. */
  readonly verify: boolean;
  readonly timing: TimingOptions;
  readonly peaksOf: (isa: string) => Peaks;
}

/** What came of one implementation on one case. */
export type Outcome = {
  readonly benchCase: BenchCase;
  /** As in `avx512:implicit_gemm`; empty when none took the problem. */
  readonly implementation: string;
  /** Null when it was not timed. */
  readonly timing: Timing | null;
  /** Null when nothing was counted. */
  readonly counts: Counts | null;
} & (Verdict | { readonly status: 'skipped'; readonly reason: string } | { readonly status: 'unverified' });

function splitChoice({ isa, implementation = '' }: Choice): { isa: string | undefined; name: string } {
  const [before = '', after] = implementation.split(':');
  return after === undefined ? { isa, name: before } : { isa: before, name: after };
}

/** @throws ArgumentError for an instruction set that the device in use does not have */
export function checkChoice(choice: Choice): void {
  const { isa } = splitChoice(choice);
  const { device, isa: own, isas } = addon.engine();
  const known = device === 'cpu' ? isas : [own];
  if (isa === undefined || isa === 'all' || known.includes(isa)) return;
  throw new ArgumentError(
    `Expected all or an instruction set that this ${device === 'cpu' ? 'processor' : 'device'} and build have ` +
      `(${known.join(', ')}), got '${isa}'.`,
  );
}

/** The implementations of a case that the choice names, widest instruction set first; `refusal` says why one does not take it. */
export function chosenImplementations(
  { kernel, problem }: BenchCase,
  mode: BenchMode,
  choice: Choice,
): KernelImplementation[] {
  const { isa: wantedIsa, name } = splitChoice(choice);
  const isa = wantedIsa ?? (mode === 'perf' ? addon.engine().isa : 'all');
  const candidates = native(() => addon.kernelImplementations(kernel, problem)).filter(
    (one) => isa === 'all' || one.isa === isa,
  );
  if (name !== '' && name !== 'all') return candidates.filter((one) => one.name === name);
  const accepted = candidates.filter(({ refusal }) => refusal === '');
  if (mode !== 'perf') return accepted;
  if (name === 'all') {
    const made = accepted.filter((one) => one.name !== 'ref');
    return made.length > 0 ? made : accepted;
  }
  return accepted.filter((one, at) => accepted.findIndex((other) => other.isa === one.isa) === at);
}

/** Runs one case. A kernel that throws has failed; the others go on. */
export function runCase(benchCase: BenchCase, options: RunOptions): Outcome[] {
  const { mode } = options;
  const chosen = chosenImplementations(benchCase, mode, options);
  const outcome = { benchCase, timing: null, counts: null };
  if (chosen.length === 0) {
    const reason = `no implementation of that name; there are ${implementationNames(benchCase)}`;
    return [{ ...outcome, implementation: '', status: 'skipped', reason }];
  }
  const drawn = drawOperands(benchCase);
  let reference: Reference | null = null;
  const verdicts = new Map<string, Outcome>();
  for (const one of chosen) {
    const { isa, name, refusal } = one;
    const implementation = `${isa}:${name}`;
    if (refusal !== '') {
      verdicts.set(implementation, { ...outcome, implementation, status: 'skipped', reason: refusal });
      continue;
    }
    try {
      const verified = options.verify || (mode !== 'perf' && mode !== 'count');
      if (verified) reference ??= new Reference(benchCase, drawn);
      let verdict: Verdict | { readonly status: 'unverified' } = { status: 'unverified' };
      if (mode === 'bitwise') verdict = reference!.bitwise(implementation);
      else if (verified) verdict = reference!.correctness(implementation, options.tolerance);
      const counts =
        mode === 'count' && verdict.status !== 'failed' ? countImplementation(benchCase, drawn, one) : null;
      if (counts !== null && counts.moved > counts.stated) {
        const reason = `it moves ${counts.moved} bytes of global memory and states ${counts.stated}`;
        verdict = { status: 'failed', reason };
      }
      verdicts.set(implementation, { ...outcome, implementation, ...verdict, counts });
    } catch (error) {
      if (!(error instanceof LapidaryError)) throw error;
      verdicts.set(implementation, { ...outcome, implementation, status: 'failed', reason: error.message });
    }
  }
  const timed = [...verdicts.values()].filter(({ status }) => status !== 'failed' && status !== 'skipped');
  if (mode !== 'perf' || timed.length === 0) return [...verdicts.values()];
  const names = timed.map(({ implementation }) => implementation);
  const times = timeImplementations(benchCase, drawn, names, options.peaksOf, options.timing);
  return [...verdicts.values()].map((one) => ({ ...one, timing: times.get(one.implementation) ?? null }));
}

function implementationNames({ kernel, problem }: BenchCase): string {
  const names = native(() => addon.kernelImplementations(kernel, problem)).map(
    ({ isa, name }) => `${isa}:${name}`,
  );
  return names.join(', ');
}

/** A command that repeats the case. */
export function reproLine({ benchCase, implementation }: Outcome, mode: BenchMode): string {
  const chosen = implementation === '' ? '' : ` --implementation ${implementation}`;
  const device = addon.engine().device === 'cuda' ? ' --device cuda' : '';
  const how = mode === 'count' ? '--count' : `--mode ${mode}`;
  return `lapidary bench ${how}${device}${chosen} "${caseText(benchCase)}"`;
}
