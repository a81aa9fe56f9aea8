/** Runs the scripts of test/interchange/python. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a script in Python and returns what it prints. What it says on stderr is part of the error when it fails. */
export async function python(script: string, ...args: string[]): Promise<string> {
  const interpreter = process.env.LAPIDARY_INTERCHANGE_PYTHON ?? 'python3';
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const { stdout } = await run(interpreter, [path, ...args], { maxBuffer: 2 ** 26 });
  return stdout;
}

/** A folder for all tests of a file, and what removes it. */
export function sharedFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'lapidary-interchange-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
