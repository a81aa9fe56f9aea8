/** Whether the machine was free for a measurement, and the memory that it took. */

import { readFileSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { coreTimes } from '../lib/bench/machine.js';

export { describeMachine, type Machine, notIdle } from '../lib/bench/machine.js';

/**
 * Watches the machine during a measurement. The function that comes back gives the share of all cores that others took
 * since then: neither this process nor the peer, whose processor time the caller knows.
 */
export function watchOthers(): (peerMs: number) => number {
  const before = coreTimes();
  const own = process.cpuUsage();
  return (peerMs) => {
    const after = coreTimes();
    const { user, system } = process.cpuUsage(own);
    const others = after.busy - before.busy - (user + system) / 1000 - peerMs;
    return Math.max(0, others / Math.max(1, after.all - before.all));
  };
}

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
