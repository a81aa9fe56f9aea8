import { describe, expect, it } from 'vitest';
import { listPrograms, runProgram } from './runner.js';

const { faults } = listPrograms();

describe('planted faults are found by the check they are for, at their source line', () => {
  it('has one for every check of a correct device', () => {
    expect(new Set(faults.map((fault) => fault.check))).toEqual(
      new Set([
        'alignment',
        'arithmetic',
        'async_copy',
        'barrier',
        'bounds',
        'collective',
        'fragment',
        'host_access',
        'limit',
        'livelock',
        'race',
        'read_only',
        'trap',
        'uninitialised',
        'unordered',
      ]),
    );
  });

  it.each(faults.map((fault) => [fault.name, fault.check]))('%s: %s', async (name) => {
    const runs = [...(await runProgram(name, '--seed', '1')), ...(await runProgram(name, '--seed', '2'))];
    expect(runs.filter((run) => !run.ok)).toEqual([]);
    expect(runs.map((run) => run.program)).toEqual([name, name]);
  });
});
