/** Where the time of a step goes: kernels, other tasks of the device, and what lies between them. */

import { profile } from '../lib/profile.js';
import { runSteps, type Work } from './workloads/workload.js';

const problemsShown = 16;

/** Runs some steps and says in two tables, by kernel and by problem, what one of them spends its time on. */
export async function stepProfile(work: Work, steps: number): Promise<string> {
  const measured = await profile(() => runSteps(work, steps));
  const stepMs = measured.result.ms / steps;
  const { rows, problems } = measured;
  const line = (name: string, ms: number, calls?: number): string => {
    const share = `${((100 * ms) / stepMs).toFixed(1).padStart(5)} %`;
    const count = calls === undefined ? '' : String(Math.round(calls / steps));
    return `${ms.toFixed(3).padStart(9)} ${share} ${count.padStart(5)}  ${name}`;
  };
  const inTasks = rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / steps;
  return [
    '       ms   share calls  kernel, implementation (one step)',
    ...rows.map((row) => line(`${row.kernel} ${row.implementation}`, row.milliseconds / steps, row.calls)),
    line('between tasks: the stream waits for JavaScript, or for its own threads', stepMs - inTasks),
    line('the step', stepMs),
    line('in which JavaScript enqueues, meanwhile', measured.result.enqueueMs / steps),
    '',
    '       ms   share calls  GFLOP/s  kernel and problem, the longest',
    ...problems.slice(0, problemsShown).map(({ kernel, problem, milliseconds, calls, flops }) => {
      const speed = flops === null ? '' : (flops / milliseconds / 1e6).toFixed(0);
      return line(`${speed.padStart(7)}  ${kernel} ${problem}`, milliseconds / steps, calls);
    }),
  ].join('\n');
}
