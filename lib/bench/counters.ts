/** What kernels did on a CUDA device in software, which counts every access, beside what their files say. */

import { z } from 'zod';
import { LapidaryError } from '../errors.js';
import type { KernelImplementation } from '../native.js';
import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import type { BenchCase } from './bench-case.js';
import { type CaseOperands, runOnCopies } from './operands.js';

const Count = z.number().int().nonnegative();

/** Of one `__global__` function (cuda/softgpu/check/counters.h). */
const FunctionCounts = z
  .object({
    launches: Count,
    /** Bytes that lanes asked for, and the 32-byte sectors that hold them. */
    globalLoadBytes: Count,
    globalLoadSectors: Count,
    globalStoreBytes: Count,
    globalStoreSectors: Count,
    atomicSectors: Count,
    /** Passes over the banks of shared memory, and how many of them a better placement would save. */
    sharedWavefronts: Count,
    sharedConflicts: Count,
    localBytes: Count,
    flops: Count,
    mmaFlops: Count,
    /** Lane instructions by class. */
    lanes: z.record(z.string(), Count),
  })
  .transform(({ lanes, ...counts }) => ({
    ...counts,
    laneInstructions: Object.values(lanes).reduce((sum, count) => sum + count, 0),
  }));
export type FunctionCounts = z.output<typeof FunctionCounts>;

/** Of one run of an implementation. */
export interface Counts {
  /** By `__global__` function, in alphabetical order. */
  readonly functions: Readonly<Record<string, FunctionCounts>>;
  /** Bytes of global memory that were loaded and stored. */
  readonly moved: number;
  /** Bytes that the implementation says it loads and stores. */
  readonly stated: number;
}

/** Whether the device in use counts: softgpu does, hardware does not. */
export function deviceCounts(): boolean {
  if (addon.engine().device !== 'cuda') return false;
  try {
    native(() => addon.softwareCounters());
    return true;
  } catch (error) {
    if (error instanceof LapidaryError && error.code === 'ERR_UNSUPPORTED') return false;
    throw error;
  }
}

/** Runs an implementation once and counts. @throws UnsupportedError on a device that does not count */
export function countImplementation(
  benchCase: BenchCase,
  drawn: CaseOperands,
  { isa, name, traffic }: KernelImplementation,
): Counts {
  native(() => addon.clearSoftwareCounters());
  runOnCopies(benchCase, drawn, `${isa}:${name}`);
  const told: unknown = JSON.parse(native(() => addon.softwareCounters()));
  const functions = z.record(z.string(), FunctionCounts).parse(told);
  let moved = 0;
  for (const { globalLoadBytes, globalStoreBytes } of Object.values(functions))
    moved += globalLoadBytes + globalStoreBytes;
  return { functions, moved, stated: traffic };
}
