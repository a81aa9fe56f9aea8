/** What a measurement was made on, and the memory that it took. */

import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export { describeMachine, type Machine, notIdle, watchOthers } from '../lib/bench/machine.js';

/** Resident memory of this process in MiB: VmRSS now, or VmHWM, the most since `resetPeak`. */
export function residentMb(field: 'VmRSS' | 'VmHWM'): number {
  const kilobytes = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

export function resetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // An older kernel: the peak is that of the whole process.
  }
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Frees what JavaScript no longer holds, so that it does not count as memory of what is measured next. */
export function collectGarbage(): void {
  collect();
}
