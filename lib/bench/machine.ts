/** What a measurement was made on, and whether the machine was free for it. */

import { availableParallelism, cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { device } from '../device.js';

export interface Machine {
  /** What computes, in words. */
  readonly device: string;
  readonly cpu: string;
  readonly cores: number;
  readonly isa: string;
  readonly threads: number;
  readonly node: string;
  readonly build: string;
  /** Share of all cores that was busy in the second before the measurement. */
  readonly busy: number;
  readonly load: number;
}

export async function describeMachine(): Promise<Machine> {
  const used = device();
  const { isa, threads, build } = used;
  return {
    device: String(used),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    isa,
    threads,
    node: process.version,
    build,
    busy: await busyShare(1000),
    load: loadavg()[0]!,
  };
}

/** A sentence when somebody else is using the machine, else null. */
export function notIdle({ busy, load }: Machine): string | null {
  if (busy <= 0.05) return null;
  return (
    `The machine is not idle: ${(100 * busy).toFixed(0)} % of its cores were busy for a second before the start ` +
    `(load average ${load.toFixed(2)}). Times will be too long, and the ratio uncertain.`
  );
}

/** Milliseconds that all cores together were busy, and that passed on them, since the start of the machine. */
function coreTimes(): { busy: number; all: number } {
  let busy = 0;
  let all = 0;
  for (const { times } of cpus()) {
    const working = times.user + times.nice + times.sys + times.irq;
    busy += working;
    all += working + times.idle;
  }
  return { busy, all };
}

async function busyShare(ms: number): Promise<number> {
  const before = coreTimes();
  await sleep(ms);
  const after = coreTimes();
  return (after.busy - before.busy) / Math.max(1, after.all - before.all);
}

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
