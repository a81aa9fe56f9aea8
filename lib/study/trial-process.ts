/** A trial runs in a process of its own: whatever becomes of that, the study goes on. */

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';

import { FileSystemError } from '../errors.js';

/** How a trial's process ended. */
export interface TrialExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The error that it told, with `--json`, on the last line of its output. */
  readonly message: string | undefined;
}

export interface TrialProcessOptions {
  /** The program with the arguments before the command, as in `[node, main.js]`. */
  readonly program: readonly string[];
  readonly args: readonly string[];
  /** What it says on stderr is appended to this file. */
  readonly log: string;
  readonly onStart: (pid: number) => Promise<void>;
  /** Once it is aborted, the process gets SIGTERM: it writes a checkpoint and ends with 75. */
  readonly stop: AbortSignal | undefined;
  /** Once it is aborted, the process is killed. */
  readonly kill: AbortSignal;
}

/** The last lines of output are looked at for a message. */
const KEPT_OUTPUT = 1 << 16;

/** Runs a trial's process to its end. @throws FileSystemError when the log cannot be written, or Node not be started */
export async function runTrialProcess(options: TrialProcessOptions): Promise<TrialExit> {
  const { program, args, log, onStart, stop, kill } = options;
  const file = await FileSystemError.during('open', log, () => open(log, 'a'));
  try {
    const [node, ...before] = program;
    const companion = new URL(`./end-with-parent${extensionOf(import.meta.url)}`, import.meta.url);
    const preload = ['--import', companion.href];
    // A group of its own: an interrupt on the terminal reaches the study alone, which then stops the trial in order.
    const child = spawn(node!, [...loadersFirst(before, preload), ...args], {
      stdio: ['pipe', 'pipe', file.fd],
      detached: true,
    }) as ChildProcessByStdio<Writable, Readable, null>;
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    child.stdin.on('error', () => {}); // it closed its end first
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT);
    });
    const onStop = () => child.kill('SIGTERM');
    const onKill = () => child.kill('SIGKILL');
    stop?.addEventListener('abort', onStop);
    kill.addEventListener('abort', onKill);
    try {
      if (child.pid !== undefined) await onStart(child.pid);
      if (stop?.aborted) onStop();
      const [code, signal] = await closed.catch((error: unknown) => {
        throw FileSystemError.from(error, 'start', node!);
      });
      return { code, signal, message: messageOf(output) };
    } finally {
      stop?.removeEventListener('abort', onStop);
      kill.removeEventListener('abort', onKill);
    }
  } finally {
    await file.close();
  }
}

/** The companion comes behind the loaders of a development checkout, which must be able to read it. */
function loadersFirst(before: readonly string[], preload: readonly string[]): string[] {
  const script = before.at(-1);
  return script === undefined ? [...preload] : [...before.slice(0, -1), ...preload, script];
}

function extensionOf(url: string): string {
  return url.slice(url.lastIndexOf('.'));
}

function messageOf(output: string): string | undefined {
  try {
    const last: unknown = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
    const error = typeof last === 'object' && last !== null && 'error' in last ? last.error : undefined;
    if (typeof error !== 'object' || error === null || !('message' in error)) return undefined;
    return typeof error.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}
