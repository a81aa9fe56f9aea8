/** What this machine can do at most, measured: multiply-adds by instruction set, and bytes from memory. */

import { readFileSync } from 'node:fs';
import { UnsupportedError } from '../errors.js';
import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import { benchCase } from './bench-case.js';

/** Rates of the threads that the device uses now. */
export interface Peaks {
  readonly isa: string;
  readonly threads: number;
  /** Multiply-adds in registers, in GFLOP/s. */
  readonly gflops: number;
  /** From memory: reading alone, in GB/s. */
  readonly readGbs: number;
  /** From memory: STREAM triad (two streams read, one written past the caches), in GB/s. */
  readonly triadGbs: number;
}

/** The roof over kernels that are bound by memory: the faster of reading and triad, in GB/s. */
export function bandwidthOf({ readGbs, triadGbs }: Peaks): number {
  return Math.max(readGbs, triadGbs);
}

/** The GFLOP/s that a kernel of so many FLOPs and bytes can reach, by the roofline model (Williams et al. 2009). */
export function attainableGflops(peaks: Peaks, flops: number, bytes: number): number {
  return Math.min(peaks.gflops, (bandwidthOf(peaks) * flops) / bytes);
}

const MEASURED_MS = 100;

/** Measures the peaks of one instruction set with the kernels of `native/ops/peak.h`; the best run counts. */
export function measurePeaks(isa: string): Peaks {
  const count = Math.min(1 << 26, Math.max(1 << 22, lastCacheBytes() / 2)); // each stream twice the last cache
  // 64 tiles or more, so that no thread waits for another, in a run so short that a busy neighbour misses some. A GPU needs
  // more of both: its threads are many, and a launch takes as long as some million multiply-adds.
  const tiles = isa === 'cuda' ? 'count=1048576 steps=16384' : 'count=12288 steps=2048';
  return {
    isa,
    threads: addon.engine().threads,
    gflops: bestRate('fma_chains', tiles, isa, 'flops'),
    readGbs: bestRate('stream_read', `count=${count}`, isa, 'bytes'),
    triadGbs: bestRate('stream_triad', `count=${count}`, isa, 'bytes'),
  };
}

/** Giga-units a second in the best run. */
function bestRate(kernel: string, problem: string, isa: string, unit: 'flops' | 'bytes'): number {
  const probe = benchCase(kernel, problem);
  const first = native(() => addon.kernelImplementations(kernel, problem)).find(
    (one) => one.isa === isa && one.refusal === '',
  );
  if (first === undefined) throw new UnsupportedError(`No implementation of ${isa} measures ${kernel}.`);
  const operands = addon
    .kernelOperands(kernel, problem)
    .map(({ count }) => new Float32Array(count).fill(0.5));
  const { runs } = native(() =>
    addon.timeKernel(kernel, problem, `${isa}:${first.name}`, operands, 5, MEASURED_MS, 0),
  );
  return probe[unit] / Math.min(...runs) / 1e6;
}

/** Bytes of the last cache of a core as the system tells them (Linux); elsewhere 32 MiB. */
export function lastCacheBytes(): number {
  for (const level of [4, 3, 2]) {
    try {
      const folder = `/sys/devices/system/cpu/cpu0/cache/index${level}`;
      const [, size, unit] = /^(\d+)([KMG])/.exec(readFileSync(`${folder}/size`, 'utf8')) ?? [];
      if (size !== undefined) return Number(size) * 1024 ** ' KMG'.indexOf(unit!);
    } catch {
      // No such level here.
    }
  }
  return 32 << 20;
}
