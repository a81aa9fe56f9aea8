import { describe, expect, it } from 'vitest';
import { listPrograms, runProgram } from './runner.js';

const seeds = 5;
const { programs } = listPrograms();

describe('programs compiled by nvcc equal the host under every schedule, and no check accuses them', () => {
  it('has at least 32 of them', () => {
    expect(programs.length).toBeGreaterThanOrEqual(32);
  });

  it.each(programs)('%s', async (name) => {
    const runs = await runProgram(name, '--seeds', String(seeds));
    expect(runs.filter((run) => !run.ok)).toEqual([]);
    expect(runs.map((run) => run.seed)).toEqual([1, 2, 3, 4, 5]);
  });
});
