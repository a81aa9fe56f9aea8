import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it, test } from 'vitest';
import {
  caseText,
  mergeCases,
  parseCaseArguments,
  parseCaseLine,
  readCases,
} from '../../lib/bench/bench-case.js';
import { drawOperands } from '../../lib/bench/operands.js';
import { checkedExtension } from '../../lib/bench/roofline.js';
import { checkChoice } from '../../lib/bench/run-cases.js';
import { Reference } from '../../lib/bench/verification.js';
import { ArgumentError, FileSystemError } from '../../lib/errors.js';
import { addon } from '../../lib/native-addon.js';
import { lapidary } from './lapidary.js';

const conv = 'conv2d_fprop N=2 H=8 W=8 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1';
// One for all tests: some run side by side.
const folder = mkdtempSync(join(tmpdir(), 'lapidary-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

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
    expect(() => parseCaseLine('99999999999999999999 gemm M=1')).toThrow('countable');
    expect(() => parseCaseLine('conv2d_fprop H=2 W=2 R=3 S=3')).toThrow(ArgumentError);
    expect(() => parseCaseLine('gemm M=0')).toThrow(
      /'gemm M=0' is no problem of this kernel: expected extents/,
    );
  });
});

describe('a problem file', () => {
  it('is a path or the name of a set, and has a problem on each line', async () => {
    expect((await readCases('ci')).length).toBeGreaterThan(70);
    const file = join(folder, 'some.txt');
    for (const [content, told] of [
      [`${conv}\ngemm M=x\n`, /some\.txt:2: .*expected a number, got 'x'/],
      ['# nothing\n', /each line of .*some\.txt.*found none/],
    ] as const) {
      await writeFile(file, content);
      await expect(readCases(file)).rejects.toThrow(told);
    }
  });

  it('is told apart when there is none', async () => {
    await expect(readCases('resnet21')).rejects.toThrow(
      /sets ci, convolutions, .* or a path such as \.\/resnet21/,
    );
    await expect(readCases(join(folder, 'none.txt'))).rejects.toThrow(FileSystemError);
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
    expect(mistrust('dropout count=3 rate=0.99')).toMatchObject({
      status: 'mistrusted',
      reason: expect.stringMatching(/^y is 0/),
    });
    expect(mistrust('dropout count=3 rate=0.1')).toMatchObject({ status: 'passed' });
    for (let slot = 0; slot < 32; slot++) addon.setStepBlock(slot, 0); // a rate of 0 among them
    expect(mistrust('sgd counts=7')).toMatchObject({ status: 'mistrusted' });
    expect(mistrust('clip_norm counts=7 limit=5')).toMatchObject({ status: 'passed' });
  });

  it('trusts zeros that a kernel is asked to write', () => {
    const one = parseCaseLine('fill count=5')!;
    expect(new Reference(one, drawOperands(one)).correctness('base:ref')).toMatchObject({ status: 'passed' });
  });

  it('says which operand JavaScript cannot hold', () => {
    const huge = parseCaseLine('gemm M=1000000 N=1000000')!;
    expect(() => drawOperands(huge)).toThrow(/1000000000000 elements of f32 for y/);
  });

  it('leaves the number of threads as it was', () => {
    const { threads } = addon.engine();
    new Reference(benchCase, drawOperands(benchCase)).bitwise('base:ref');
    expect(addon.engine().threads).toBe(threads);
  });
});

// Side by side: one of them waits a second to see how busy the machine is.
describe.concurrent('lapidary bench', () => {
  it('lists the kernels of a verbose log by the same texts: they are the problems that it reads', async () => {
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
    const again = await readCases(list);
    expect(again.map(caseText)).toEqual(texts);
    expect(again.reduce((runs, { times }) => runs + times, 0)).toBe(logged.length);
  });

  it('prints a JSON line for the machine and each case, with rates and shares of the measured peaks', async () => {
    const report = join(folder, 'roofline.html');
    const outcome = await lapidary(folder, ['bench', conv, '--json', '--runs', '3', '--report', report]);
    expect(outcome.code, outcome.stderr).toBe(0);
    const [machine, one, last] = outcome.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(machine).toMatchObject({ type: 'machine', build: addon.engine().build, cache: 'warm' });
    const [peaks] = machine.peaks;
    expect(peaks.isa).toBe(addon.engine().isa);
    expect(peaks.gflops).toBeGreaterThan(0.5);
    expect(Math.min(peaks.readGbs, peaks.triadGbs)).toBeGreaterThan(0.1);
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
    expect(one.ofFmaPeak).toBeCloseTo(one.gflops / peaks.gflops);
    expect(last).toMatchObject({ ok: true, result: { passed: 1, failed: 0, timed: 1, report } });
    const page = await readFile(report, 'utf8');
    expect(page).toMatch(/<svg.*arithmetic intensity.*conv2d_fprop/s);
    expect(page).toContain(`${peaks.isa}: ${peaks.gflops.toFixed(0)} GFLOP/s`);
  });

  it('exits with 1 for a case that fails or proves nothing, and names it so that it can be repeated', async () => {
    const nothing = 'dropout count=3 rate=0.99';
    const args = [
      'bench',
      '--mode',
      'correctness',
      '--tolerance',
      '0',
      '--isa',
      'base',
      conv,
      nothing,
      '--json',
    ];
    const { code, stdout, stderr } = await lapidary(folder, args);
    expect(code).toBe(1);
    expect(stderr).toContain(`lapidary bench --mode correctness --implementation base:ref "${conv}"`);
    const statuses = stdout.split('\n').flatMap((line) => /"status":"(\w+)"/.exec(line)?.[1] ?? []);
    expect(new Set(statuses)).toEqual(new Set(['failed', 'mistrusted']));
  });

  it('exits with 2 where there is nothing to run', async () => {
    const runs = [[], [conv, '--implementation', 'nobody']].map((args) =>
      lapidary(folder, ['bench', '--mode', 'correctness', ...args]),
    );
    const [none, unknown] = await Promise.all(runs);
    expect([none!.code, unknown!.code]).toEqual([2, 2]);
    expect(none!.stderr).toMatch(/Expected problems/);
    expect(unknown!.stderr).toMatch(/Expected an implementation.*there are .*base:implicit_gemm/s);
  });

  it('checks its choices before it measures', () => {
    expect(() => checkChoice({ isa: 'sse9' })).toThrow(/Expected all or an instruction set/);
    expect(() => checkChoice({ implementation: 'sse9:ref' })).toThrow(ArgumentError);
    expect(() => checkedExtension('a.png')).toThrow(/\.svg or \.html/);
  });
});
