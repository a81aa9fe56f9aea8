/** Where time goes: the device's work by kernel, and a trace of it beside the calls of JavaScript. */

import { device } from './device.js';
import { writeFileAtomic } from './io/atomic-file.js';
import type { ProfileData } from './native.js';
import { addon } from './native-addon.js';
import { formatTable } from './report/table.js';
import { native } from './resource.js';

/** What one kernel came to, by one of its implementations. */
export interface ProfileRow {
  /** The kernel, or another task such as `write f32[8, 10]` or `pack fprop_panels`. */
  readonly kernel: string;
  /** Instruction set and algorithm, as in `avx2:implicit_gemm`; empty for what is no kernel. */
  readonly implementation: string;
  /** Set where rows are problems. */
  readonly problem?: string;
  readonly calls: number;
  /** In all calls, in milliseconds. */
  readonly milliseconds: number;
  /** Of the time of all rows, in [0, 1]. */
  readonly share: number;
  /** Of the operands in all calls, each counted as often as it is read or written; not what caches save. */
  readonly bytes: number;
  /** In all calls; null where the problem does not count them (convolution and matrix products do). */
  readonly flops: number | null;
}

/** What `profile` measured. */
export class Profile<T = unknown> {
  /** What the profiled function returned. */
  readonly result: T;
  /** From the start of the function until its last task had run, in milliseconds. */
  readonly milliseconds: number;
  readonly #data: ProfileData;

  /** @internal */
  constructor(result: T, milliseconds: number, data: ProfileData) {
    this.result = result;
    this.milliseconds = milliseconds;
    this.#data = data;
  }

  /** By kernel and implementation, the longest first. */
  get rows(): ProfileRow[] {
    return this.#rows(({ name, implementation }) => `${name} ${implementation}`, false);
  }

  /** By problem, the longest first: `lapidary bench` and `npm run bench:kernel` take the problem as it stands here. */
  get problems(): ProfileRow[] {
    return this.#rows(({ name, implementation, problem }) => `${name} ${implementation} ${problem}`, true);
  }

  /** The share of the measured time in which the device had work, in [0, 1]. */
  get busy(): number {
    const total = this.rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    return this.milliseconds > 0 ? Math.min(1, total / this.milliseconds) : 0;
  }

  /** The rows as text, for a terminal; `problems` instead of kernels if asked for. */
  table({ by = 'kernel' }: { readonly by?: 'kernel' | 'problem' } = {}): string {
    const rows = by === 'kernel' ? this.rows : this.problems;
    return formatTable({
      columns: ['kernel', 'implementation', 'calls', 'ms', 'share (%)', 'GB/s', 'GFLOP/s'].concat(
        by === 'problem' ? ['problem'] : [],
      ),
      rows: rows.map((row) => [
        row.kernel,
        row.implementation,
        row.calls,
        row.milliseconds,
        100 * row.share,
        row.bytes > 0 ? perNanosecond(row.bytes, row) : null,
        row.flops === null ? null : perNanosecond(row.flops, row),
        ...(by === 'problem' ? [row.problem ?? ''] : []),
      ]),
    });
  }

  /**
   * The trace in Chrome's format (complete events, microseconds): two tracks, calls of JavaScript and tasks of the device.
   * chrome://tracing and ui.perfetto.dev show it.
   */
  trace(): { readonly traceEvents: readonly object[]; readonly displayTimeUnit: 'ms' } {
    const { tasks, runs, callNames, calls } = this.#data;
    const pid = process.pid;
    const name = (tid: number, text: string) => ({
      ph: 'M',
      name: 'thread_name',
      pid,
      tid,
      args: { name: text },
    });
    const events: object[] = [name(0, 'JavaScript: calls'), name(1, `device: ${device().toString()}`)];
    for (const [i, call] of callNames.entries()) {
      events.push({
        ph: 'X',
        name: call,
        cat: 'call',
        pid,
        tid: 0,
        ...span(calls[2 * i]!, calls[2 * i + 1]!),
      });
    }
    for (let i = 0; i < runs.length; i += 4) {
      const task = tasks[runs[i]!]!;
      const start = runs[i + 2]!;
      const args = {
        problem: task.problem,
        implementation: task.implementation,
        bytes: task.bytes,
        flops: task.flops,
        waited_us: microseconds(start - runs[i + 1]!),
      };
      events.push({ ph: 'X', name: task.name, cat: 'task', pid, tid: 1, ...span(start, runs[i + 3]!), args });
    }
    return { traceEvents: events, displayTimeUnit: 'ms' };
  }

  /** Writes `trace()` as JSON. @throws FileSystemError */
  async writeTrace(path: string): Promise<void> {
    await writeFileAtomic(path, JSON.stringify(this.trace()));
  }

  #rows(keyOf: (task: ProfileData['tasks'][number]) => string, withProblem: boolean): ProfileRow[] {
    const { tasks, runs } = this.#data;
    const sums = new Map<
      string,
      { task: (typeof tasks)[number]; calls: number; ms: number; bytes: number; flops: number }
    >();
    let total = 0;
    for (let i = 0; i < runs.length; i += 4) {
      const task = tasks[runs[i]!]!;
      const ms = runs[i + 3]! - runs[i + 2]!;
      const key = keyOf(task);
      const sum = sums.get(key) ?? { task, calls: 0, ms: 0, bytes: 0, flops: 0 };
      sums.set(key, sum);
      sum.calls++;
      sum.ms += ms;
      sum.bytes += task.bytes;
      sum.flops += task.flops;
      total += ms;
    }
    return [...sums.values()]
      .sort((a, b) => b.ms - a.ms)
      .map(({ task, calls, ms, bytes, flops }) => ({
        kernel: task.name,
        implementation: task.implementation,
        ...(withProblem ? { problem: task.problem } : {}),
        calls,
        milliseconds: ms,
        share: total > 0 ? ms / total : 0,
        bytes,
        flops: flops > 0 ? flops : null,
      }));
  }
}

/**
 * Runs `fn` and measures every task that this thread enqueues in it, on the device's stream, and every call into the
 * engine. Waits until the last task has run. A replay of a capture is measured task by task.
 *
 * Measuring costs about a microsecond a task while it goes on, and nothing afterwards. Other worker threads are not
 * measured; what they keep the device busy with shows as time between the tasks.
 *
 * @throws what `fn` throws; the first error of its work; ArgumentError inside another profile
 */
export async function profile<T>(fn: () => T | Promise<T>): Promise<Profile<T>> {
  native(() => addon.beginProfile());
  const start = performance.now();
  let data: ProfileData | undefined;
  try {
    const result = await fn();
    await device().synchronize();
    const milliseconds = performance.now() - start;
    data = addon.endProfile();
    return new Profile(result, milliseconds, data);
  } finally {
    if (data === undefined) addon.endProfile();
  }
}

const microseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6) / 1e3;

const span = (start: number, end: number) => ({ ts: microseconds(start), dur: microseconds(end - start) });

/** Billions a second. */
function perNanosecond(amount: number, { milliseconds }: ProfileRow): number | null {
  return milliseconds > 0 ? amount / (milliseconds * 1e6) : null;
}
