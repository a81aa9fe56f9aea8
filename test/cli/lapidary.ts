/** Runs the command in a process of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface Outcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/**
 * Runs `lapidary` in `cwd`.
 *
 * @param killAt the signal (SIGKILL if not told otherwise) is sent as soon as stderr holds this text
 */
export async function lapidary(
  cwd: string,
  args: readonly string[],
  {
    killAt,
    signal = 'SIGKILL',
    env = {},
  }: {
    readonly killAt?: string;
    readonly signal?: NodeJS.Signals;
    readonly env?: Record<string, string>;
  } = {},
): Promise<Outcome> {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    ['--import', tsx, main, ...args],
    { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [stdout, stderr] = ['', ''];
  let killed = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (killAt === undefined || killed || !stderr.includes(killAt)) return;
    killed = child.kill(signal);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** The object that `--json` puts on the last line of stdout. */
export function jsonOf({ stdout }: Outcome): {
  ok: boolean;
  result?: never;
  error?: { code: string; message: string };
} {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}
