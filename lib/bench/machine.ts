/** What a measurement was made on, and whether the machine was free for it. */

import { availableParallelism, cpus, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { device } from '../device.js';

export interface Machine {
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
  const { isa, threads, build } = device();
  return {
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
export function coreTimes(): { busy: number; all: number } {
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
