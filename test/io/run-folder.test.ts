import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ArgumentError, FileFormatError } from '../../lib/errors.js';
import { RunFolder } from '../../lib/io/run-folder.js';
import { temporaryFolder } from '../temporary-folder.js';

const config = { model: 'resnet20', train: { epochs: 3, rate: 0.1 }, tags: ['a'] };

async function newRun(): Promise<RunFolder> {
  return RunFolder.open(join(temporaryFolder(), 'deep', 'run'), config);
}

describe('RunFolder.open', () => {
  it('makes the folder and writes the configuration', async () => {
    const run = await newRun();
    expect(run.resumed).toBe(false);
    expect(readFileSync(run.configPath, 'utf8')).toContain('epochs: 3');
    expect(await run.readConfig()).toEqual(config);
  });

  it('refuses a folder that holds a run, unless it is resumed', async () => {
    const { path, configPath } = await newRun();
    await expect(RunFolder.open(path, { model: 'other' })).rejects.toThrow(ArgumentError);
    await expect(RunFolder.open(path, { model: 'other' })).rejects.toThrow(/already holds a run.*--resume/);
    const resumed = await RunFolder.open(path, { model: 'other' }, { resume: true });
    expect(resumed.resumed).toBe(true);
    expect(await resumed.readConfig()).toEqual(config);
    expect(existsSync(configPath)).toBe(true);
  });

  it('refuses a folder with other things in it, resumed or not', async () => {
    const path = temporaryFolder();
    writeFileSync(join(path, 'thesis.tex'), '');
    for (const resume of [false, true]) {
      await expect(RunFolder.open(path, config, { resume })).rejects.toThrow(/holds thesis\.tex/);
    }
    expect(readdirSync(path)).toEqual(['thesis.tex']);
  });

  it('resumes over what a run that was killed while it wrote its configuration left', async () => {
    const path = temporaryFolder();
    const leftover = '.config.yaml.0123456789ab.tmp';
    writeFileSync(join(path, leftover), 'model: res');
    await expect(RunFolder.open(path, config)).rejects.toThrow(ArgumentError);
    const run = await RunFolder.open(path, config, { resume: true });
    expect(run.resumed).toBe(false);
    expect(readdirSync(path)).toEqual(['config.yaml']);
  });

  it('starts a new run when there is none to resume', async () => {
    const run = await RunFolder.open(join(temporaryFolder(), 'run'), config, { resume: true });
    expect(run.resumed).toBe(false);
    expect(await run.readConfig()).toEqual(config);
  });
});

describe('metrics', () => {
  it('keep their order, awaited or not', async () => {
    const run = await newRun();
    await Promise.all(Array.from({ length: 50 }, (_, step) => run.appendMetrics({ step, loss: step / 7 })));
    const records = await run.readMetrics();
    expect(records.map(({ step }) => step)).toEqual(Array.from({ length: 50 }, (_, step) => step));
    expect(records[3]).toEqual({ step: 3, loss: 3 / 7 });
  });

  it('write a NaN as null and refuse a step that is none', async () => {
    const run = await newRun();
    await run.appendMetrics({ step: 1, loss: Number.NaN });
    expect(readFileSync(run.metricsPath, 'utf8')).toBe('{"step":1,"loss":null}\n');
    await expect(run.appendMetrics({ step: 1.5 })).rejects.toThrow(ArgumentError);
  });

  it('are cut back to a step, torn last line and all', async () => {
    const run = await newRun();
    for (const step of [10, 20, 30]) await run.appendMetrics({ step });
    appendFileSync(run.metricsPath, '{"step":4');
    expect(await run.readMetrics()).toHaveLength(3);
    await run.truncateToStep(20);
    expect(readFileSync(run.metricsPath, 'utf8')).toBe('{"step":10}\n{"step":20}\n');
    await run.appendMetrics({ step: 21 });
    expect((await run.readMetrics()).map(({ step }) => step)).toEqual([10, 20, 21]);
  });

  it('lose a torn last line even when its step would stay', async () => {
    const run = await newRun();
    await run.appendMetrics({ step: 1 });
    appendFileSync(run.metricsPath, '{"step":2}');
    await run.truncateToStep(100);
    expect(readFileSync(run.metricsPath, 'utf8')).toBe('{"step":1}\n');
  });

  it.each(['garbage', '{"loss":1}', '[1]', ''])('name a line that is %j', async (line) => {
    const run = await newRun();
    await run.appendMetrics({ step: 1 });
    appendFileSync(run.metricsPath, `${line}\n{"step":3}\n`);
    await expect(run.readMetrics()).rejects.toThrow(FileFormatError);
    await expect(run.truncateToStep(3)).rejects.toThrow(
      /metrics\.jsonl, line 2: expected a JSON object with a step/,
    );
  });
});

describe('checkpoints', () => {
  it('live in the run and come back', async () => {
    const run = await newRun();
    void run.appendMetrics({ step: 5 });
    const path = await run.saveCheckpoint(5, new Map(), { epoch: 1 });
    expect(path).toBe(join(run.path, 'checkpoints', 'step-5'));
    expect(await run.readMetrics()).toHaveLength(1);
    const resumed = await RunFolder.open(run.path, config, { resume: true });
    expect((await resumed.loadNewestCheckpoint()).checkpoint).toMatchObject({ step: 5, state: { epoch: 1 } });
  });
});
