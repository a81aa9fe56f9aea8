/** Where the time of a step goes: the lines that LAPIDARY_VERBOSE prints, added up by kernel and by problem. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Calls and milliseconds of a step. */
export interface ProfileRow {
  readonly name: string;
  calls: number;
  ms: number;
}

export interface KernelProfile {
  readonly stepMs: number;
  /** By kernel and implementation, the longest first. */
  readonly kernels: readonly ProfileRow[];
  /** By kernel and problem, the longest first. */
  readonly problems: readonly ProfileRow[];
}

export async function profileKernels(batch: number, threads: number, steps: number): Promise<KernelProfile> {
  const script = fileURLToPath(new URL('./profiled-steps.ts', import.meta.url));
  const childArguments = [...process.execArgv, script, ...[batch, threads, steps].map(String)];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, childArguments, {
    maxBuffer: 2 ** 28,
  });
  const kernels = new Map<string, ProfileRow>();
  const problems = new Map<string, ProfileRow>();
  for (const line of stderr.split('\n')) {
    // lapidary,exec,cpu,avx512:implicit_gemm,conv2d_fprop N=128 ...,1.2345
    const [, implementation, kernel, problem, ms] =
      /^lapidary,exec,\w+,([^,]+),(\w+) ?(.*),([\d.]+)$/.exec(line) ?? [];
    if (implementation === undefined) continue;
    add(kernels, `${kernel} ${implementation}`, Number(ms), steps);
    add(problems, `${kernel} ${problem}`, Number(ms), steps);
  }
  return { stepMs: Number(stdout), kernels: sorted(kernels), problems: sorted(problems) };
}

function add(rows: Map<string, ProfileRow>, name: string, ms: number, steps: number): void {
  const row = rows.get(name) ?? { name, calls: 0, ms: 0 };
  row.calls += 1 / steps;
  row.ms += ms / steps;
  rows.set(name, row);
}

const sorted = (rows: ReadonlyMap<string, ProfileRow>): ProfileRow[] =>
  [...rows.values()].sort((a, b) => b.ms - a.ms);

/** A table for people. */
export function profileTable({ stepMs, kernels, problems }: KernelProfile, mostProblems = 16): string {
  const line = (name: string, calls: string, ms: number): string =>
    `${ms.toFixed(3).padStart(9)} ${((100 * ms) / stepMs).toFixed(1).padStart(5)} % ${calls.padStart(5)}  ${name}`;
  const inKernels = kernels.reduce((total, { ms }) => total + ms, 0);
  return [
    '       ms   share calls  kernel, implementation (one step)',
    ...kernels.map(({ name, calls, ms }) => line(name, calls.toFixed(0), ms)),
    line(
      'outside of kernels: packed filters, gaps in the stream, printing these lines',
      '',
      stepMs - inKernels,
    ),
    line('the step', '', stepMs),
    '',
    '       ms   share calls  kernel and problem, the longest',
    ...problems.slice(0, mostProblems).map(({ name, calls, ms }) => line(name, calls.toFixed(0), ms)),
  ].join('\n');
}
