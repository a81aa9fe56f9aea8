/**
 * How every kernel is tested: each implementation of each instruction set against ref<double>, twice and with 1, 2 and 3
 * threads for equal bits, with guards around every operand.
 *
 * With LAPIDARY_TEST_DEVICE=cuda: each of CUDA's implementations, twice for equal bits (softgpu gives each launch a schedule
 * of its own). Guards are softgpu's own checks there.
 */
import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { randomSource, seedOf } from '../../lib/bench/random-source.js';
import { useDevice } from '../../lib/device.js';
import type { KernelOperand } from '../../lib/native.js';
import { addon } from '../../lib/native-addon.js';

/** Which device's implementations are tested. */
export const onCuda = process.env.LAPIDARY_TEST_DEVICE === 'cuda';
if (onCuda) useDevice('cuda');

/** Sets a slot of the step block for ref64 too, which runs on the CPU whatever the device under test. */
export function setStepBlock(slot: number, value: number): void {
  for (const device of onCuda ? [0, 1] : [0]) addon.setStepBlock(slot, value, device);
}

/** What softgpu runs in some 10 seconds; larger problems are the CPU's alone. */
const largestOnCuda = { flops: 4e8, bytes: 64e6 };

/** Whether a problem is small enough for the device under test; scripts/softgpu.mjs tells at the end which were not. */
export function affordable(kernel: string, problem: string): boolean {
  if (!onCuda) return true;
  const { flops, bytes } = addon.kernelProblem(kernel, problem);
  if (flops <= largestOnCuda.flops && bytes <= largestOnCuda.bytes) return true;
  const list = process.env.LAPIDARY_TEST_LEFT_OUT;
  if (list !== undefined) appendFileSync(list, `${kernel} ${problem}\n`);
  return false;
}

export type Values = Float32Array | Float64Array | Int32Array | Uint8Array;

/** The value at `index` of an operand; `random` gives uniforms in [0, 1). */
export type Fill = (random: () => number, index: number) => number;

export interface CaseOptions {
  /** Of the largest magnitude of the output, by ref<double>. Default 1e-5. */
  readonly tolerance?: number;
  /** By operand name; otherwise f32 is uniform in [-1, 1), i32 in 0..9, u8 in 0..255. */
  readonly fill?: Readonly<Record<string, Fill>>;
}

const defaults: Readonly<Record<KernelOperand['dtype'], Fill>> = {
  f32: (random) => 2 * random() - 1,
  i32: (random) => Math.floor(10 * random()),
  u8: (random) => Math.floor(256 * random()),
};
const guardElements = 64;
const guardByte = 0xa5;

/** One operand inside a larger buffer whose margins tell when a kernel writes beyond it. */
class Guarded {
  readonly values: Values;
  readonly #bytes: Uint8Array;
  readonly #margin: number;

  constructor(operand: KernelOperand, wide: boolean) {
    const size = operand.dtype === 'u8' ? 1 : wide && operand.dtype === 'f32' ? 8 : 4;
    this.#margin = guardElements * size;
    this.#bytes = new Uint8Array(operand.count * size + 2 * this.#margin).fill(guardByte);
    const buffer = this.#bytes.buffer;
    if (operand.dtype === 'u8') this.values = new Uint8Array(buffer, this.#margin, operand.count);
    else if (operand.dtype === 'i32') this.values = new Int32Array(buffer, this.#margin, operand.count);
    else if (wide) this.values = new Float64Array(buffer, this.#margin, operand.count);
    else this.values = new Float32Array(buffer, this.#margin, operand.count);
  }

  check(name: string): void {
    const end = this.#bytes.length - this.#margin;
    const margins = [this.#bytes.subarray(0, this.#margin), this.#bytes.subarray(end)];
    for (const margin of margins) {
      if (margin.some((byte) => byte !== guardByte)) throw new Error(`a kernel wrote outside of ${name}`);
    }
  }
}

export function operandsOf(kernel: string, problem: string): KernelOperand[] {
  return addon.kernelOperands(kernel, problem);
}

/** Inputs by `fill`; outputs full of values that no kernel computes, so that an element left unwritten shows. */
function makeOperands(
  operands: readonly KernelOperand[],
  problem: string,
  wide: boolean,
  options: CaseOptions,
): Guarded[] {
  const random = randomSource(seedOf(problem));
  return operands.map((operand) => {
    const guarded = new Guarded(operand, wide);
    const { values } = guarded;
    if (operand.role === 'out') {
      if (operand.dtype === 'f32') values.fill(Number.NaN);
      else values.fill(operand.dtype === 'i32' ? -77 : 0xab);
    } else {
      const fill = options.fill?.[operand.name] ?? defaults[operand.dtype];
      for (let index = 0; index < values.length; index++) {
        const value = fill(random, index);
        values[index] = operand.dtype === 'f32' ? Math.fround(value) : value;
      }
    }
    return guarded;
  });
}

/** Runs an implementation ("avx2:rows", "ref64") on fresh operands; returns all of them. */
export function runCase(
  kernel: string,
  problem: string,
  implementation: string,
  options: CaseOptions = {},
): Values[] {
  const operands = operandsOf(kernel, problem);
  const guarded = makeOperands(operands, problem, implementation === 'ref64', options);
  addon.runKernel(
    kernel,
    problem,
    implementation,
    guarded.map(({ values }, index) => (operands[index]!.count === 0 ? null : values)),
  );
  for (const [index, operand] of operands.entries()) guarded[index]!.check(operand.name);
  return guarded.map(({ values }) => values);
}

/** All implementations, as "isa:name", that accept the problem. */
export function acceptedImplementations(kernel: string, problem: string): string[] {
  return addon
    .kernelImplementations(kernel, problem)
    .filter(({ refusal }) => refusal === '')
    .map(({ isa, name }) => `${isa}:${name}`);
}

export function bits(values: Values): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function compare(actual: Values, reference: Values, tolerance: number, label: string): void {
  let scale = 0;
  for (const value of reference) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  const limit = actual instanceof Float32Array ? tolerance * scale : 0;
  for (let index = 0; index < actual.length; index++) {
    const got = actual[index]!;
    const wanted = reference[index]!;
    // Object.is for NaN and infinities, which have no difference.
    if (!(Math.abs(got - wanted) <= limit) && !Object.is(got, wanted)) {
      throw new Error(
        `${label}[${index}] is ${got}, ref64 says ${wanted} (largest ${scale}, limit ${limit})`,
      );
    }
  }
}

/** The whole check of one problem. */
export function checkProblem(kernel: string, problem: string, options: CaseOptions = {}): void {
  const operands = operandsOf(kernel, problem);
  const outputs = operands.flatMap(({ role, count }, index) => (role === 'in' || count === 0 ? [] : [index]));
  const reference = runCase(kernel, problem, 'ref64', options);
  if (!outputs.some((index) => reference[index]!.some((value) => value !== 0 && !Number.isNaN(value)))) {
    throw new Error(`${kernel} ${problem}: every output is 0, so this case proves nothing`);
  }
  for (const implementation of acceptedImplementations(kernel, problem)) {
    if (!onCuda) addon.setThreads(2);
    const first = runCase(kernel, problem, implementation, options);
    for (const index of outputs) {
      const label = `${kernel} ${implementation} "${problem}": ${operands[index]!.name}`;
      compare(first[index]!, reference[index]!, options.tolerance ?? 1e-5, label);
    }
    for (const threads of onCuda ? ['other'] : [2, 1, 3]) {
      if (typeof threads === 'number') addon.setThreads(threads);
      const again = runCase(kernel, problem, implementation, options);
      for (const index of outputs) {
        if (!bits(first[index]!).equals(bits(again[index]!))) {
          throw new Error(`${kernel} ${implementation} "${problem}": other bits with ${threads} threads`);
        }
      }
    }
  }
  if (!onCuda) addon.setThreads(2);
}

/** A test for each problem that the device can run in a test's time. */
export function testKernel(kernel: string, problems: readonly string[], options: CaseOptions = {}): void {
  for (const problem of problems.filter((each) => affordable(kernel, each)))
    test(`${kernel} ${problem}`, () => checkProblem(kernel, problem, options));
}

/** body(implementation) for ref64 and each accepted implementation. */
export function forImplementations(
  kernel: string,
  problem: string,
  body: (implementation: string, float: (values: readonly number[]) => Values) => void,
): void {
  for (const implementation of ['ref64', ...acceptedImplementations(kernel, problem)]) {
    body(implementation, (values) =>
      implementation === 'ref64' ? Float64Array.from(values) : Float32Array.from(values),
    );
  }
}

/** Runs one kernel on given numbers (null: an output, or an operand that the problem lacks); returns all operands. */
export function runValues(
  kernel: string,
  problem: string,
  implementation: string,
  inputs: readonly (readonly number[] | null)[],
): Values[] {
  const operands = operandsOf(kernel, problem);
  const arrays = operands.map((operand, index) => {
    const { values } = new Guarded(operand, implementation === 'ref64');
    const given = inputs[index];
    if (given) {
      expect(given.length, `${kernel} ${problem}: values for ${operand.name}`).toBe(operand.count);
      values.set(given);
    } else {
      values.fill(0);
    }
    return values;
  });
  addon.runKernel(
    kernel,
    problem,
    implementation,
    arrays.map((values, index) => (operands[index]!.count === 0 ? null : values)),
  );
  return arrays;
}

/** Every implementation must give exactly these values for operand `output`. NaN equals NaN. */
export function expectValues(
  kernel: string,
  problem: string,
  inputs: readonly (readonly number[] | null)[],
  output: string,
  wanted: readonly number[],
): void {
  const index = operandsOf(kernel, problem).findIndex(({ name }) => name === output);
  for (const implementation of ['ref64', ...acceptedImplementations(kernel, problem)]) {
    const got = runValues(kernel, problem, implementation, inputs)[index]!;
    expect([...got], `${kernel} ${implementation} "${problem}"`).toEqual([...wanted]);
  }
}

/** Every implementation must throw ERR_INDEX with this message. */
export function expectIndexFault(
  kernel: string,
  problem: string,
  options: CaseOptions,
  message: RegExp,
): void {
  for (const implementation of ['ref64', ...acceptedImplementations(kernel, problem)]) {
    let thrown: unknown;
    try {
      runCase(kernel, problem, implementation, options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown, implementation).toBeInstanceOf(Error);
    expect((thrown as NodeJS.ErrnoException).code, implementation).toBe('ERR_INDEX');
    expect((thrown as Error).message, implementation).toMatch(message);
  }
}

/**
 * Evaluation must not depend on the batch: the first `part` of the outputs of `many` equal, bit for bit, those of `few`, whose
 * inputs are the first part of the same inputs.
 */
export function expectBatchInvariant(
  kernel: string,
  few: string,
  many: string,
  options: CaseOptions = {},
): void {
  const operands = operandsOf(kernel, many);
  const fewOperands = operandsOf(kernel, few);
  if (!affordable(kernel, many)) return;
  for (const implementation of acceptedImplementations(kernel, many)) {
    const all = runCase(kernel, many, implementation, options);
    const inputs = operands.map(({ role }, index) =>
      role === 'out' ? null : [...all[index]!.subarray(0, fewOperands[index]!.count)],
    );
    const some = runValues(kernel, few, implementation, inputs);
    for (const [index, operand] of operands.entries()) {
      if (operand.role !== 'out' || fewOperands[index]!.count === 0) continue;
      const first = all[index]!.slice(0, fewOperands[index]!.count);
      expect(bits(some[index]!).equals(bits(first)), `${kernel} ${implementation}: ${operand.name}`).toBe(
        true,
      );
    }
  }
}

/** Philox4x32-10 in BigInt, to compare kernels with: the four words of block (high, low) under `key`. */
export function philox(key: bigint, high: bigint, low: bigint): [number, number, number, number] {
  const word = 0xffffffffn;
  let [c0, c1, c2, c3] = [low & word, (low >> 32n) & word, high & word, (high >> 32n) & word];
  let [k0, k1] = [key & word, (key >> 32n) & word];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & word, (p0 >> 32n) ^ c3 ^ k1, p0 & word];
    k0 = (k0 + 0x9e3779b9n) & word;
    k1 = (k1 + 0xbb67ae85n) & word;
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

/** [0, 1) with 24 bits, as the kernels make it. */
export function uniform(bits: number): number {
  return (bits >>> 8) / 16777216;
}
