/**
 * What the benchmark driver reads: problems in the form that errors and the verbose log print, from the command line, from
 * problem files and from logs.
 *
 * A line is `conv2d_fprop N=128 H=32 …`, or `9 conv2d_fprop N=128 …` for a problem that a workload runs nine times. `#` begins a
 * comment. A whole line of the verbose log (`lapidary,exec,…`) is a problem too; a file that holds one is a log, and whatever
 * else is in it is passed over.
 */

import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { ArgumentError, FileSystemError, LapidaryError } from '../errors.js';
import { addon } from '../native-addon.js';
import { nearestWord } from '../nearest-word.js';
import { native } from '../resource.js';

/** One kernel on one problem. */
export interface BenchCase {
  readonly kernel: string;
  /** The problem's fields, as the verbose log prints them. */
  readonly problem: string;
  /** How often the workload runs it. */
  readonly times: number;
  /** Of one run; 0 where the kernel does not count them. */
  readonly flops: number;
  /** Of one run: every operand once, one that is changed twice. */
  readonly bytes: number;
}

/** Kernel and problem in one text, which `lapidary bench` reads. */
export function caseText({ kernel, problem }: BenchCase): string {
  return `${kernel} ${problem}`.trim();
}

/** @throws ArgumentError for an unknown kernel, or a problem that it cannot have */
export function benchCase(kernel: string, problem: string, times = 1): BenchCase {
  const kernels = addon.kernels();
  if (!kernels.includes(kernel)) {
    const near = nearestWord(kernel, kernels);
    const advice = near === undefined ? `one of ${kernels.join(', ')}` : `did you mean '${near}'?`;
    throw new ArgumentError(`Expected the name of a kernel, got '${kernel}': ${advice}`);
  }
  try {
    const { text, flops, bytes } = native(() => addon.kernelProblem(kernel, problem));
    return { kernel, problem: text, times, flops, bytes };
  } catch (error) {
    if (!(error instanceof LapidaryError)) throw error;
    throw new ArgumentError(`'${kernel} ${problem}' is no problem of this kernel: ${error.message}`);
  }
}

// lapidary,exec,cpu,avx512:implicit_gemm,conv2d_fprop N=128 ...,1.2345
const LOG_LINE = /^lapidary,exec,\w+,[^,]*,([^,]*),[\d.]+$/;

/** The case of a line; null where a line has none (empty, or a comment). */
export function parseCaseLine(line: string): BenchCase | null {
  const trimmed = line.trim();
  const [, logged] = LOG_LINE.exec(trimmed) ?? [];
  const stated = logged ?? trimmed.replace(/#.*/, '').trim();
  if (stated === '') return null;
  const [, times = '1', kernel = '', problem = ''] = /^(?:(\d+)\s+)?(\S+)\s*(.*)$/.exec(stated) ?? [];
  if (Number(times) < 1 || !Number.isSafeInteger(Number(times))) {
    throw new ArgumentError(
      `Expected a problem to run at least once, and a countable number of times, got '${stated}'.`,
    );
  }
  return benchCase(kernel, problem.replace(/\s+/g, ' '), Number(times));
}

/**
 * The cases of a command line. An argument with a space is a problem; words without belong together as they would in one:
 * `conv2d_fprop N=1 H=8` may be given with or without quotes.
 */
export function parseCaseArguments(words: readonly string[]): BenchCase[] {
  const lines: string[] = [];
  for (const word of words) {
    const continues = lines.length > 0 && /^\w+=\S*$/.test(word);
    if (continues) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines.flatMap((line) => parseCaseLine(line) ?? []);
}

const shippedSets = new URL('../../bench/problems/', import.meta.url); // the same from lib/ and from dist/

/**
 * The cases of a problem file or a verbose log; equal ones are one case that runs more often.
 *
 * @param name a path, `-` for standard input, or the plain name of a set that comes with lapidary, such as `resnet20`
 * @throws FileSystemError when it cannot be read, ArgumentError when there is no such set, no problem in it, or one of its
 * lines is none
 */
export async function readCases(name: string): Promise<BenchCase[]> {
  const lines = (await contentOf(name)).split('\n');
  const isLog = lines.some((line) => LOG_LINE.test(line.trim()));
  const cases: BenchCase[] = [];
  for (const [index, line] of lines.entries()) {
    if (isLog && !LOG_LINE.test(line.trim())) continue;
    try {
      const parsed = parseCaseLine(line);
      if (parsed !== null) cases.push(parsed);
    } catch (error) {
      if (!(error instanceof LapidaryError)) throw error;
      throw new ArgumentError(`${name}:${index + 1}: ${error.message}`);
    }
  }
  if (cases.length === 0) {
    throw new ArgumentError(
      `Expected a problem on each line of ${name}, as in 'gemm M=128 N=512 K=512', and found none.`,
    );
  }
  return mergeCases(cases);
}

async function contentOf(name: string): Promise<string> {
  if (name === '-') return text(process.stdin);
  if (!/^[\w-]+$/.test(name)) return FileSystemError.during('read', name, () => readFile(name, 'utf8'));
  const sets = (await readdir(shippedSets)).map((file) => basename(file, '.txt')).sort();
  if (sets.includes(name)) return readFile(new URL(`${name}.txt`, shippedSets), 'utf8');
  throw new ArgumentError(
    `Expected one of the sets ${sets.join(', ')}, or a path such as ./${name}, got '${name}'.`,
  );
}

/** Equal problems become one that runs more often, in the order in which they first came. */
export function mergeCases(cases: readonly BenchCase[]): BenchCase[] {
  const merged = new Map<string, BenchCase>();
  for (const one of cases) {
    const before = merged.get(caseText(one));
    merged.set(caseText(one), { ...one, times: one.times + (before?.times ?? 0) });
  }
  return [...merged.values()];
}
