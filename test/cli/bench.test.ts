import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { mergeCases, parseCaseArguments, parseCaseLine } from '../../lib/bench/bench-case.js';
import { drawOperands } from '../../lib/bench/operands.js';
import { measurePeaks } from '../../lib/bench/peaks.js';
import { rooflinePlot } from '../../lib/bench/roofline.js';
import { Reference } from '../../lib/bench/verification.js';
import { addon } from '../../lib/native-addon.js';
import { renderPlot } from '../../lib/report/plots.js';
import { temporaryFolder } from '../temporary-folder.js';
import { jsonOf, lapidary } from './lapidary.js';

const conv = 'conv2d_fprop N=2 H=8 W=8 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1';
let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

describe('a line', () => {
  it('is a problem, a problem that runs several times, a line of the log, a comment or nothing', () => {
    expect(parseCaseLine(conv)).toMatchObject({
      kernel: 'conv2d_fprop',
      times: 1,
      flops: 2 * 2 * 64 * 16 * 16 * 9,
    });
    expect(parseCaseLine(`7  ${conv}  # as in a network`)).toEqual({ ...parseCaseLine(conv)!, times: 7 });
    expect(parseCaseLine(`lapidary,exec,cpu,avx512:implicit_gemm,${conv},0.1234`)).toEqual(
      parseCaseLine(conv),
    );
    for (const empty of ['', '  ', '# a comment']) expect(parseCaseLine(empty)).toBeNull();
  });

  it('is put into the form of the log: fields in their order, without those at their default', () => {
    expect(parseCaseLine('gemm K=3 M=2  N=1 relu=0')!.problem).toBe('M=2 K=3');
  });

  it('is refused with what is wrong', () => {
    expect(() => parseCaseLine('conv2d_frop N=1')).toThrow("did you mean 'conv2d_fprop'");
    expect(() => parseCaseLine('gemm Q=1')).toThrow(/field of this problem, got 'Q=1'/);
    expect(() => parseCaseLine('0 gemm M=1')).toThrow('at least once');
    expect(() => parseCaseLine('conv2d_fprop H=2 W=2 R=3 S=3')).toThrow();
  });
});

test('words of a command line are problems with and without quotes; equal ones run more often', () => {
  const cases = parseCaseArguments([...'gemm M=2 K=3'.split(' '), conv, 'gemm M=2 K=3', 'fill', 'count=4']);
  expect(cases.map(({ kernel }) => kernel)).toEqual(['gemm', 'conv2d_fprop', 'gemm', 'fill']);
  expect(mergeCases(cases).map(({ times }) => times)).toEqual([2, 1, 1]);
});

describe('verification', () => {
  const [benchCase] = parseCaseArguments([conv]) as [NonNullable<ReturnType<typeof parseCaseLine>>];

  it('passes what is within the tolerance and fails what is not', () => {
    const reference = new Reference(benchCase, drawOperands(benchCase));
    const verdict = reference.correctness('base:implicit_gemm');
    expect(verdict).toMatchObject({ status: 'passed', error: expect.any(Number) });
    expect(reference.correctness('base:implicit_gemm', 1e-12)).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/^y\[\d+\] is .*, ref64 says/),
    });
    expect(reference.bitwise('base:implicit_gemm')).toEqual({ status: 'passed' });
  });

  it('mistrusts a case whose outputs are all zero, or that changes nothing', () => {
    const mistrust = (line: string) => {
      const one = parseCaseLine(line)!;
      return new Reference(one, drawOperands(one)).correctness('base:ref');
    };
    expect(mistrust('fill count=5')).toMatchObject({
      status: 'mistrusted',
      reason: expect.stringMatching(/^y is 0/),
    });
    expect(mistrust('fill count=5 value=1')).toMatchObject({ status: 'passed' });
    expect(mistrust('clip_norm counts=7 limit=2')).toMatchObject({ status: 'mistrusted' });
    expect(mistrust('clip_norm counts=7 limit=0.2')).toMatchObject({ status: 'passed' });
  });

  it('leaves the number of threads as it was', () => {
    const { threads } = addon.engine();
    new Reference(benchCase, drawOperands(benchCase)).bitwise('base:ref');
    expect(addon.engine().threads).toBe(threads);
  });
});

test('the kernels of a verbose log are the problems that bench reads: listing them gives the same texts', async () => {
  const lib = new URL('../../lib/', import.meta.url).href;
  const script = `
    import { buildModel } from '${lib}nn/models/index.js';
    import { rand, tensor, crossEntropy, SGD } from '${lib}index.js';
    const model = buildModel('resnet8', { classes: 10, seed: 1, normalization: { mean: [0.5, 0.5, 0.5], std: [1, 1, 1] } });
    const optimizer = new SGD(model.namedParameters(), { rate: 0.1, momentum: 0.9 });
    const loss = crossEntropy(model.forward(rand([2, 32, 32, 3], { seed: 1 })), tensor(Int32Array.of(3, 7)));
    loss.backward();
    optimizer.step();
    await loss.item();`;
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const { stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', tsx, '--input-type=module', '--eval', script],
    { env: { ...process.env, LAPIDARY_VERBOSE: '1' } },
  );
  const logged = stderr
    .split('\n')
    .flatMap((line) => /^lapidary,exec,\w+,[^,]+,([^,]*),[\d.]+$/.exec(line)?.[1] ?? []);
  expect(new Set(logged.map((text) => text.split(' ')[0])).size).toBeGreaterThan(8);
  const log = join(folder, 'step.log');
  await writeFile(log, `some other output\n${stderr}`);

  const listed = await lapidary(folder, ['bench', '--file', log, '--mode', 'list']);
  expect(listed.code, listed.stderr).toBe(0);
  const lines = listed.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const texts = lines.map((line) => line.replace(/^\d+ (?=\D)/, '').replace(/ *#.*/, ''));
  expect(texts).toEqual([...new Set(logged)]);

  // And the list is a problem file of the same runs.
  const list = join(folder, 'list.txt');
  await writeFile(list, listed.stdout);
  const again = await lapidary(folder, ['bench', '--file', list, '--mode', 'list', '--json']);
  expect(jsonOf(again).result).toMatchObject({ problems: texts.length, runs: logged.length });
});

describe('lapidary bench', () => {
  it('prints a JSON line for the machine and each case, with rates and shares of the measured peaks', async () => {
    const report = join(folder, 'roofline.html');
    const outcome = await lapidary(folder, ['bench', conv, '--json', '--runs', '3', '--report', report]);
    expect(outcome.code, outcome.stderr).toBe(0);
    const [machine, one, last] = outcome.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(machine).toMatchObject({ type: 'machine', build: addon.engine().build, cache: 'warm' });
    expect(machine.peaks[0]).toMatchObject({ isa: addon.engine().isa, gflops: expect.any(Number) });
    expect(one).toMatchObject({
      type: 'case',
      kernel: 'conv2d_fprop',
      status: 'passed',
      runs: 3,
      bytes: 25600,
    });
    expect(one.minMs).toBeLessThanOrEqual(one.medianMs);
    expect(one.medianMs).toBeLessThanOrEqual(one.p99Ms);
    expect(one.gflops).toBeCloseTo(one.flops / one.medianMs / 1e6);
    expect(one.ofFmaPeak).toBeCloseTo(one.gflops / machine.peaks[0].gflops);
    expect(last).toMatchObject({ ok: true, result: { passed: 1, failed: 0, timed: 1, report } });
    expect(await readFile(report, 'utf8')).toMatch(/<svg.*GFLOP\/s.*conv2d_fprop/s);
  });

  it('exits with 1 for a case that fails or proves nothing, and names it so that it can be repeated', async () => {
    const failed = await lapidary(folder, ['bench', '--mode', 'correctness', '--tolerance', '0', conv]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`lapidary bench --mode correctness --implementation base:ref "${conv}"`);
    const mistrusted = await lapidary(folder, ['bench', '--mode', 'bitwise', 'fill count=3', '--json']);
    expect(mistrusted.code).toBe(1);
    expect(mistrusted.stdout).toContain('"status":"mistrusted"');
  });

  it('exits with 2 for what it cannot read', async () => {
    const list = join(folder, 'wrong.txt');
    await writeFile(list, `${conv}\ngemm M=x\n`);
    for (const [args, told] of [
      [[], /Expected problems/],
      [['--file', list], /wrong\.txt:2: .*expected a number, got 'x'/],
      [[conv, '--report', 'a.png'], /\.svg or \.html/],
      [[conv, '--isa', 'sse9'], /Expected all or an instruction set/],
    ] as const) {
      const { code, stderr } = await lapidary(folder, ['bench', '--mode', 'perf', '--no-verify', ...args]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(told)]);
    }
  });
});

test('the probes find a machine that multiplies and reads, and a roofline shows both roofs', async () => {
  const peaks = measurePeaks('base');
  expect(peaks.gflops).toBeGreaterThan(0.5);
  expect(Math.min(peaks.readGbs, peaks.triadGbs)).toBeGreaterThan(0.1);
  const points = [{ kernel: 'gemm', isa: 'base', flops: 1e9, bytes: 1e7, gflops: peaks.gflops / 2 }];
  const svg = await renderPlot(rooflinePlot([peaks], points));
  expect(svg).toContain(`base: ${peaks.gflops.toFixed(0)} GFLOP/s`);
  expect(svg).toContain('arithmetic intensity');
});
