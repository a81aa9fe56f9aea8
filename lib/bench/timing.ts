/** How long a kernel takes, and what share of the machine's peaks that is. */

import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import { quantile } from '../statistics.js';
import type { BenchCase } from './bench-case.js';
import type { CaseOperands } from './operands.js';
import { attainableGflops, bandwidthOf, type Peaks } from './peaks.js';

/** How to measure. */
export interface TimingOptions {
  /** Runs of each implementation at least; without it as many as fit into 150 ms, and 12 at least. */
  readonly runs?: number | undefined;
  /** Bytes written before each run, to empty the caches; 0: the operands stay where the run before left them. */
  readonly coldBytes: number;
}

/** One implementation on one case: the kernel alone, on operands that lie as tensors do. */
export interface Timing {
  /** Packing the filter, in milliseconds: a network pays it once for each step of the optimiser. Null: nothing is packed. */
  readonly packMs: number | null;
  readonly runs: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** In the median run; null where the kernel counts no FLOPs. */
  readonly gflops: number | null;
  /** Bytes of the operands in the median run. From a warm cache it may exceed what memory gives. */
  readonly gbs: number;
  /** Of the measured multiply-add peak; null where the kernel counts no FLOPs. */
  readonly ofFmaPeak: number | null;
  /** Of the measured bandwidth of memory. */
  readonly ofBandwidth: number;
  /** Of what the roofline allows at this kernel's FLOPs and bytes. */
  readonly ofRoof: number;
}

/** The implementations of a case take turns, so that a machine that drifts treats them alike. */
const TURNS = 3;
const LEAST_RUNS = 12;
const LEAST_MS = 150;

/**
 * Times implementations (`avx512:implicit_gemm`) of a case.
 *
 * @param peaksOf the peaks of an instruction set
 */
export function timeImplementations(
  { kernel, problem, flops, bytes }: BenchCase,
  { values }: CaseOperands,
  implementations: readonly string[],
  peaksOf: (isa: string) => Peaks,
  { runs, coldBytes }: TimingOptions,
): Map<string, Timing> {
  const samples = new Map(
    implementations.map((name) => [name, { packs: [] as number[], runs: [] as number[] }]),
  );
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, sample] of samples) {
      const times = native(() =>
        addon.timeKernel(
          kernel,
          problem,
          name,
          [...values],
          Math.ceil((runs ?? LEAST_RUNS) / TURNS),
          runs === undefined ? Math.ceil(LEAST_MS / TURNS) : 0,
          coldBytes,
        ),
      );
      if (times.packMs > 0) sample.packs.push(times.packMs);
      sample.runs.push(...times.runs);
    }
  }
  return new Map(
    [...samples].map(([name, { packs, runs }]) => {
      const ascending = runs.sort((a, b) => a - b);
      const medianMs = quantile(ascending, 0.5);
      const peaks = peaksOf(name.slice(0, name.indexOf(':')));
      const gbs = bytes / medianMs / 1e6;
      const gflops = flops > 0 ? flops / medianMs / 1e6 : null;
      return [
        name,
        {
          packMs: packs.length > 0 ? Math.min(...packs) : null,
          runs: ascending.length,
          minMs: ascending[0]!,
          medianMs,
          p99Ms: quantile(ascending, 0.99),
          gflops,
          gbs,
          ofFmaPeak: gflops === null ? null : gflops / peaks.gflops,
          ofBandwidth: gbs / bandwidthOf(peaks),
          ofRoof: gflops === null ? gbs / bandwidthOf(peaks) : gflops / attainableGflops(peaks, flops, bytes),
        },
      ];
    }),
  );
}
