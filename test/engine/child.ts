/** Runs a TypeScript file of test/engine/children/ in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  /** Null when a signal ended it: a crash. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export async function runChild(name: string, options: ChildOptions = {}): Promise<ChildResult> {
  const file = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url));
  const child = spawn(
    process.execPath,
    [...(options.nodeArgs ?? []), '--import', 'tsx', file, ...(options.args ?? [])],
    { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { code, signal, stdout, stderr };
}

/** As `runChild`, and parses the last line of stdout. Throws what the child said when it did not end with 0. */
export async function runJson(name: string, options: ChildOptions = {}): Promise<unknown> {
  const { code, signal, stdout, stderr } = await runChild(name, options);
  if (code !== 0) throw new Error(`${name} ended with ${code ?? signal}:\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}
