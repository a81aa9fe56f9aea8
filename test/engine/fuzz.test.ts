import { describe, expect, it } from 'vitest';
import { addon } from '../../lib/native-addon.js';
import { runChild } from './child.js';

interface Tally {
  readonly calls: Record<string, number>;
  readonly succeeded: Record<string, number>;
  /** Errors without a code of lapidary's, or internal ones. */
  readonly untyped: string[];
  readonly stillWorks: boolean;
}

describe('random arguments at every binding', () => {
  it.each([1, 2, 3])('never crash the process, and fail with typed errors (seed %i)', async (seed) => {
    const { code, signal, stdout, stderr } = await runChild('fuzz', { args: [String(seed), '4000'] });
    expect({ code, signal, stderr: stderr.slice(-2000) }).toEqual({ code: 0, signal: null, stderr: '' });
    const tally = JSON.parse(stdout) as Tally;
    expect(tally.untyped).toEqual([]);
    expect(tally.stillWorks).toBe(true);
    expect(Object.keys(tally.calls).sort()).toEqual(Object.keys(addon).sort());
    for (const count of Object.values(tally.calls)) expect(count).toBeGreaterThan(15);
    // Not only refusals: real work was done with odd but possible arguments.
    for (const name of ['run', 'runKernel', 'fromHost', 'grad', 'backward', 'write']) {
      expect(tally.succeeded[name], name).toBeGreaterThan(10);
    }
  });
});
