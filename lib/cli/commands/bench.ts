/** `lapidary bench PROBLEM…`: verifies and times kernels on problems as the verbose log prints them. */

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type BenchCase,
  benchCase,
  caseText,
  mergeCases,
  parseCaseArguments,
  readCases,
} from '../../bench/bench-case.js';
import { deviceCounts, type FunctionCounts } from '../../bench/counters.js';
import { describeMachine, type Machine, notIdle, watchOthers } from '../../bench/machine.js';
import { bandwidthOf, lastCacheBytes, measurePeaks, type Peaks } from '../../bench/peaks.js';
import { checkedExtension, type RooflinePoint, writeRoofline } from '../../bench/roofline.js';
import {
  type BenchMode,
  checkChoice,
  chosenImplementations,
  type Outcome,
  reproLine,
  runCase,
} from '../../bench/run-cases.js';
import { device } from '../../device.js';
import { ArgumentError, FileSystemError, UnsupportedError, VerificationError } from '../../errors.js';
import { addon } from '../../native-addon.js';
import { formatTable, type Table } from '../../report/table.js';
import { addSharedOptions, type CommandResult, runCommand, type SharedOptions } from '../command.js';
import { Progress } from '../progress.js';
import { setUpDevice } from './run-setup.js';

interface BenchOptions extends SharedOptions {
  readonly file: string[];
  readonly mode: BenchMode | 'list';
  readonly isa?: string;
  readonly implementation?: string;
  readonly cache: 'warm' | 'cold';
  readonly runs?: number;
  readonly tolerance?: number;
  readonly verify: boolean;
  readonly count?: boolean;
  readonly report?: string;
  readonly kernel?: string;
  readonly problem?: string;
}

/** Others may take that share of the cores; beyond it, times are worth little. */
const TOLERABLE_SHARE = 0.03;

export function addBenchCommand(program: Command): void {
  const command = program
    .command('bench')
    .argument('[problem...]', 'kernel and problem as the verbose log prints them: conv2d_fprop N=1 H=8 …')
    .description('verify kernels and time them against the measured peaks of this machine')
    .addOption(
      new Option('--file <file>', 'problem file or verbose log (repeatable): a path, - for stdin, or a set')
        .argParser((text: string, previous: string[]) => [...previous, text])
        .default([] as string[], 'none'),
    )
    .addOption(
      new Option('--mode <mode>', 'verify against ref<double>, compare bits, time, or list the problems')
        .choices(['correctness', 'bitwise', 'perf', 'list'])
        .default('perf'),
    )
    .option('--isa <isa>', "instruction set, or all (default: the engine's; all when nothing is timed)")
    .option(
      '--implementation <name>',
      "as in implicit_gemm or avx2:implicit_gemm, or all (default: the engine's; all when nothing is timed)",
    )
    .addOption(
      new Option('--cache <state>', 'of the operands before each run')
        .choices(['warm', 'cold'])
        .default('warm'),
    )
    .option('--runs <count>', 'timed runs of each implementation (default: what fits 150 ms)', parseCount)
    .option('--tolerance <share>', 'of the largest output, instead of the implementation’s own', parseShare)
    .option('--no-verify', 'time or count without verifying first')
    .option(
      '--count',
      'count what kernels do instead, beside what their files state (on softgpu, see docs/cuda.md)',
    )
    .option('--report <file>', 'draw the roofline: an .svg, or an .html page with a table')
    .addOption(new Option('--kernel <name>', 'a kernel, with --problem').hideHelp())
    .addOption(new Option('--problem <text>', 'its problem').hideHelp());
  addSharedOptions(command).action(runCommand<BenchOptions>(bench));
}

async function bench(options: BenchOptions, words: string[]): Promise<CommandResult> {
  if (options.report !== undefined) {
    checkedExtension(options.report);
    if (options.mode !== 'perf' || options.count)
      throw new ArgumentError('--report draws what --mode perf measures.');
    const folder = dirname(options.report);
    await FileSystemError.during('make', folder, () => mkdir(folder, { recursive: true }));
  }
  setUpDevice(options);
  checkChoice(options);
  // Kernels that read the step block (optimisers' rates) get a number that changes something.
  for (let slot = 0; slot < 32; slot++) addon.setStepBlock(slot, 0.125);
  const cases = await casesOf(options, words);
  if (options.mode === 'list') return list(cases, options);
  return run(cases, options, modeOf(options, options.mode));
}

function modeOf({ count }: BenchOptions, mode: BenchMode): BenchMode {
  if (count && !deviceCounts()) {
    throw new UnsupportedError(
      `--count needs a device that counts what kernels do, softgpu (docs/cuda.md), got ${device()}.`,
    );
  }
  if (count) return 'count';
  if (mode === 'perf' && deviceCounts()) {
    throw new UnsupportedError(
      `Times of ${device()} say nothing: it computes in software. --count tells what kernels do; --mode correctness and bitwise verify them.`,
    );
  }
  return mode;
}

async function casesOf({ file, kernel, problem }: BenchOptions, words: string[]): Promise<BenchCase[]> {
  const cases = parseCaseArguments(words);
  if (kernel !== undefined) cases.push(benchCase(kernel, problem ?? ''));
  for (const name of file) cases.push(...(await readCases(name)));
  if (cases.length > 0) return mergeCases(cases);
  throw new ArgumentError(
    `Expected problems, as in lapidary bench gemm M=128 N=512 K=512, or a --file with some. ` +
      `The kernels are ${addon.kernels().join(', ')}.`,
  );
}

/** Prints the problems as a problem file, with what they come to in comments. */
function list(cases: readonly BenchCase[], { json, ...choice }: BenchOptions): CommandResult {
  for (const one of cases) {
    const [first] = chosenImplementations(one, 'perf', choice);
    const { times, flops, bytes } = one;
    if (json) {
      printLine({ type: 'case', ...asJson(one), implementation: first && `${first.isa}:${first.name}` });
      continue;
    }
    const gigaflops = flops > 0 ? `${((times * flops) / 1e9).toPrecision(4)} GFLOP, ` : '';
    const line = `${times > 1 ? `${times} ` : ''}${caseText(one)}`;
    process.stdout.write(
      `${line}  # ${gigaflops}${((times * bytes) / 1e6).toPrecision(4)} MB, ${first ? `${first.isa}:${first.name}` : 'no implementation'}\n`,
    );
  }
  const total = {
    problems: cases.length,
    runs: sum(cases, ({ times }) => times),
    flops: sum(cases, ({ times, flops }) => times * flops),
    bytes: sum(cases, ({ times, bytes }) => times * bytes),
  };
  if (!json) {
    process.stdout.write(
      `# ${total.problems} problems, ${total.runs} runs: ${(total.flops / 1e9).toPrecision(4)} GFLOP, ` +
        `${(total.bytes / 1e6).toPrecision(4)} MB of operands\n`,
    );
  }
  return total;
}

async function run(
  cases: readonly BenchCase[],
  options: BenchOptions,
  mode: BenchMode,
): Promise<CommandResult> {
  const machine = mode === 'perf' ? await describeMachine() : null;
  const progress = new Progress({ silent: options.quiet });
  const warning = machine === null ? null : notIdle(machine);
  if (warning !== null) progress.log(`warning: ${warning}`);
  const peaks = new Map<string, Peaks>();
  const peaksOf = (isa: string): Peaks => {
    const known = peaks.get(isa) ?? measurePeaks(isa);
    peaks.set(isa, known);
    return known;
  };
  if (mode === 'perf') peaksOf(addon.engine().isa);
  if (options.json && machine !== null)
    printLine({ type: 'machine', ...machine, cache: options.cache, peaks: [...peaks.values()] });

  const outcomes: Outcome[] = [];
  const othersShare = watchOthers();
  progress.stage(mode, { total: cases.length, unit: 'problems' });
  for (const one of cases) {
    const some = runCase(one, {
      mode,
      isa: options.isa,
      implementation: options.implementation,
      tolerance: options.tolerance,
      verify: options.verify,
      timing: { runs: options.runs, coldBytes: options.cache === 'cold' ? 4 * lastCacheBytes() : 0 },
      peaksOf,
    });
    outcomes.push(...some);
    if (options.json) for (const outcome of some) printLine(outcomeAsJson(outcome));
    progress.advance();
    await new Promise(setImmediate); // a signal may come through
  }
  progress.finish();
  const others = othersShare(0);
  if (mode === 'perf' && others > TOLERABLE_SHARE) {
    progress.log(
      `warning: other processes took ${(100 * others).toFixed(1)} % of the cores meanwhile: measure again on an idle machine.`,
    );
  }

  if (outcomes.every(({ status }) => status === 'skipped')) {
    const told = outcomes.map((one) => reasonOf(one)).join('\n');
    throw new ArgumentError(`Expected an implementation of at least one of the problems:\n${told}`);
  }
  const count = (status: Outcome['status']): number => outcomes.filter((one) => one.status === status).length;
  const counts = {
    passed: count('passed'),
    failed: count('failed'),
    mistrusted: count('mistrusted'),
    skipped: count('skipped'),
    timed: outcomes.filter(({ timing }) => timing !== null).length,
  };
  const table = mode === 'count' ? countTable(outcomes) : outcomeTable(outcomes, mode);
  if (!options.json) {
    process.stdout.write(`${formatTable(table)}\n\n`);
    for (const one of peaks.values()) process.stdout.write(`${peaksText(one)}\n`);
    process.stdout.write(`${summaryText(counts)}\n`);
  }
  if (options.report !== undefined && machine !== null) {
    await writeRoofline(options.report, {
      peaks: [...peaks.values()],
      points: outcomes.flatMap(pointOf),
      table,
      environment: environmentOf(machine, options.cache),
    });
    if (!options.json) process.stdout.write(`The roofline is ${options.report}\n`);
  }
  // What proves nothing may still be timed.
  const bad = outcomes.filter(
    ({ status }) => status === 'failed' || (status === 'mistrusted' && mode !== 'perf' && mode !== 'count'),
  );
  if (bad.length > 0) {
    const told = bad.map((one) => `${reasonOf(one)}\n  ${reproLine(one, mode)}`);
    throw new VerificationError(
      `${bad.length} of ${outcomes.length} cases did not pass:\n${told.join('\n')}`,
    );
  }
  return { ...counts, ...(options.report !== undefined && { report: options.report }) };
}

function reasonOf(one: Outcome): string {
  const reason = 'reason' in one ? `: ${one.reason}` : '';
  return `${one.status} ${one.implementation} ${caseText(one.benchCase)}${reason}`;
}

function outcomeTable(outcomes: readonly Outcome[], mode: BenchMode): Table {
  if (mode !== 'perf') {
    return {
      columns: [
        'outcome',
        'implementation',
        ...(mode === 'correctness' ? ['error'] : []),
        'problem',
        'reason',
      ],
      rows: outcomes.map((one) => [
        one.status,
        one.implementation,
        ...(mode === 'correctness' ? ['error' in one ? one.error?.toExponential(1) : null] : []),
        caseText(one.benchCase),
        'reason' in one ? one.reason : '',
      ]),
    };
  }
  const fixed = (value: number | null | undefined, digits: number) => value?.toFixed(digits);
  const share = (value: number | null | undefined) =>
    value == null ? null : `${(100 * value).toFixed(0)} %`;
  return {
    columns: [
      'min (ms)',
      'median',
      'p99',
      'times',
      'pack (ms)',
      'GFLOP/s',
      'GB/s',
      'of FMA',
      'of memory',
      'of roof',
      'implementation',
      'problem',
    ],
    rows: outcomes.map((one) => {
      const { timing, benchCase: of } = one;
      return [
        fixed(timing?.minMs, 4),
        fixed(timing?.medianMs, 4),
        fixed(timing?.p99Ms, 4),
        String(of.times),
        fixed(timing?.packMs, 4),
        fixed(timing?.gflops, 1),
        fixed(timing?.gbs, 1),
        share(timing?.ofFmaPeak),
        share(timing?.ofBandwidth),
        share(timing?.ofRoof),
        one.implementation,
        `${caseText(of)}${'reason' in one ? ` (${one.status}: ${one.reason})` : ''}`,
      ];
    }),
  };
}

/** A row for each implementation, with the FLOPs of the problem, then one for each function that it launches. */
function countTable(outcomes: readonly Outcome[]): Table {
  return {
    columns: [
      'loaded (B)',
      'in sectors',
      'stored (B)',
      'in sectors',
      'atomic',
      'stated (B)',
      'moved',
      'shared passes',
      'conflicts',
      'local (B)',
      'lane instr.',
      'FLOP',
      'implementation',
      'problem',
    ],
    rows: outcomes.flatMap(({ counts, benchCase: of, implementation, ...rest }) => {
      const problem = `${caseText(of)}${'reason' in rest ? ` (${rest.status}: ${rest.reason})` : ''}`;
      if (counts === null) return [[...Array<null>(12), implementation, problem]];
      const { functions, moved, stated } = counts;
      const share = stated > 0 ? `${((100 * moved) / stated).toFixed(0)} %` : null;
      const all = Object.entries(functions);
      const total = countCells(all.map(([, one]) => one));
      return [
        [...total.slice(0, 5), stated, share, ...total.slice(5), of.flops, implementation, problem],
        ...all.map(([name, one]) => {
          const cells = countCells([one]);
          const flops = one.flops + one.mmaFlops;
          return [
            ...cells.slice(0, 5),
            null,
            null,
            ...cells.slice(5),
            flops,
            `  ${name}`,
            `${one.launches} launched`,
          ];
        }),
      ];
    }),
  };
}

function countCells(counts: readonly FunctionCounts[]): number[] {
  const total = (of: (one: FunctionCounts) => number) => counts.reduce((all, one) => all + of(one), 0);
  return [
    total((one) => one.globalLoadBytes),
    total((one) => one.globalLoadSectors),
    total((one) => one.globalStoreBytes),
    total((one) => one.globalStoreSectors),
    total((one) => one.atomicSectors),
    total((one) => one.sharedWavefronts),
    total((one) => one.sharedConflicts),
    total((one) => one.localBytes),
    total((one) => one.laneInstructions),
  ];
}

function pointOf({ benchCase: { kernel, flops, bytes }, implementation, timing }: Outcome): RooflinePoint[] {
  if (timing?.gflops == null) return [];
  return [
    {
      kernel,
      isa: implementation.slice(0, implementation.indexOf(':')),
      flops,
      bytes,
      gflops: timing.gflops,
    },
  ];
}

function peaksText(peaks: Peaks): string {
  const { isa, threads, gflops, readGbs, triadGbs } = peaks;
  return (
    `peaks of ${isa}${isa === 'cuda' ? '' : ` on ${threads} threads`}: ${gflops.toFixed(1)} GFLOP/s of multiply-adds; ` +
    `${bandwidthOf(peaks).toFixed(1)} GB/s of memory (read ${readGbs.toFixed(1)}, triad ${triadGbs.toFixed(1)})`
  );
}

function summaryText(counts: Readonly<Record<string, number>>): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0);
  return told.map(([name, count]) => `${count} ${name}`).join(', ');
}

function environmentOf(machine: Machine, cache: string): Record<string, string | number> {
  const { device: used, cpu, cores, isa, threads, node, build, busy } = machine;
  const date = new Date().toISOString().slice(0, 10);
  return {
    device: used,
    cpu,
    cores,
    isa,
    threads,
    cache,
    node,
    build,
    'busy before (%)': Math.round(100 * busy),
    date,
  };
}

function asJson({ kernel, problem, times, flops, bytes }: BenchCase): object {
  return { kernel, problem, times, flops, bytes };
}

function outcomeAsJson({ benchCase: of, timing, counts, ...outcome }: Outcome): object {
  return { type: 'case', ...asJson(of), ...outcome, ...timing, ...counts };
}

function printLine(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function sum(cases: readonly BenchCase[], of: (one: BenchCase) => number): number {
  return cases.reduce((total, one) => total + of(one), 0);
}

function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

function parseShare(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a number in [0, 1].');
}
