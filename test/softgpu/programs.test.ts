import { describe, expect, it } from 'vitest';
import { listPrograms, runProgram, runProgramIn } from './runner.js';

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

describe('and in every other mode', () => {
  it.each([
    ["A100's sums in the tensor cores", { SOFTGPU_MMA: 'hardware' }],
    ['approximate functions anywhere within their bounds', { SOFTGPU_APPROXIMATE: 'perturbed' }],
    ['without checks', { SOFTGPU_CHECKS: 'off' }],
    ['one worker thread', { SOFTGPU_THREADS: '1' }],
    ['more worker threads than processors', { SOFTGPU_THREADS: '7' }],
  ])('%s', async (_, settings) => {
    const runs = await runProgramIn(settings, '--programs', '--seed', '6');
    expect(runs.filter((run) => !run.ok)).toEqual([]);
    expect(runs.map((run) => run.program)).toEqual(programs);
  });
});
