import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: readonly string[];
  readonly stderr: string;
}

/** Runs children/signals.ts and sends it a signal after each line that it says, as long as there are some. */
async function signalled(mode: string, ...signals: NodeJS.Signals[]): Promise<End> {
  const file = fileURLToPath(new URL('./children/signals.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, mode], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  let stderr = '';
  createInterface(child.stdout).on('line', (line) => {
    said.push(line);
    const next = signals.shift();
    if (next !== undefined) child.kill(next);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, said, stderr };
}

describe('importing the library', () => {
  it('leaves signals as they were', async () => {
    expect(await signalled('import', 'SIGTERM')).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});

describe('installSignalHandlers', () => {
  it('raises a flag that is seen at once, though the event loop is busy; no inspector opens', async () => {
    const names = ['SIGTERM', 'SIGINT', 'SIGUSR1'] as const;
    const ends = await Promise.all(names.map((name) => signalled('busy', name)));
    for (const [i, name] of names.entries()) {
      const { code, said, stderr } = ends[i]!;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(JSON.parse(said[1]!)).toEqual({
        message: `Stopped by ${name}.`,
        code: 'ERR_ABORTED',
        resumable: false,
      });
    }
  });

  it('says that work can be resumed where the program says so', async () => {
    const { said } = await signalled('resumable', 'SIGTERM');
    expect(JSON.parse(said[1]!)).toMatchObject({
      message: expect.stringContaining('--resume'),
      resumable: true,
    });
  });

  it('lets a second SIGINT end the process', async () => {
    expect(await signalled('stubborn', 'SIGINT', 'SIGINT')).toMatchObject({ code: null, signal: 'SIGINT' });
  });

  it('is undone by dispose()', async () => {
    expect(await signalled('removed', 'SIGTERM')).toMatchObject({ code: null, signal: 'SIGTERM' });
  });
});
