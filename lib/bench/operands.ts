/** Operands for a case: what its kernel may meet in a network, drawn from the problem's text and therefore always the same. */

import { OutOfMemoryError, VerificationError } from '../errors.js';
import type { KernelOperand } from '../native.js';
import { addon } from '../native-addon.js';
import { native } from '../resource.js';
import type { BenchCase } from './bench-case.js';
import { randomSource, seedOf } from './random-source.js';

export type Values = Float32Array | Float64Array | Int32Array | Uint8Array;
type HostValues = Float32Array | Int32Array | Uint8Array;

/** Values of every operand of a case; null where the problem lacks it. */
export interface CaseOperands {
  readonly operands: readonly KernelOperand[];
  readonly values: readonly (HostValues | null)[];
}

/** The value at `index` of an operand; `random` gives uniforms in [0, 1), `field` a number of the problem. */
type Fill = (
  random: () => number,
  index: number,
  field: (name: string, otherwise?: number) => number,
) => number;

const positive: Fill = (random) => 0.5 + random();
const probability: Fill = (random) => random();
const few: Fill = (random) => Math.floor(3 * random());

/** Where uniforms in [-1, 1) are not what a kernel meets. Keys are `kernel.operand`, or the operand alone. */
const FILLS: Readonly<Record<string, Fill>> = {
  labels: (random, _, field) => Math.floor(field('classes') * random()),
  log_sum_exp: (random) => 10 + random(),
  invstd: positive,
  variance: positive,
  running_variance: probability,
  mask: (random) => (random() < 0.5 ? 0 : 1),
  'clip_norm.norm': (_random, _index, field) => 2 * field('limit'),
  factor: () => 0.75,
  'adam.second': probability,
  'softmax_backward.y': probability,
  'prune_mask.threshold': () => 0.5,
  'prune_mask.ties': () => 0,
  'reduce_extreme_backward.x': few,
  'reduce_extreme_backward.y': () => 2,
  'gather_forward.index': (random, _, field) => Math.floor(field('extent') * random()),
  'gather_backward.index': (random, _, field) => Math.floor(field('extent') * random()),
  'augment.index': (random, _, field) => Math.floor(field('images') * random()),
  'transform_images.index': (random, _, field) => Math.floor(field('images') * random()),
  'draw_transforms.ranges': () => 0.5,
  'transform_images.parameters': () => 1, // applied
  'pool_dgrad.index': inWindow,
  'state_pools_dgrad.max_tap': () => 4,
};

/** Statistics are relative to their mean, which must not vanish. */
const STATISTICS_FILLS: Readonly<Record<string, Fill>> = { x: probability, filter: probability };
/** log, sqrt and reciprocal are taken of positive numbers. */
const POSITIVE_KINDS = new Set(['log', 'sqrt', 'reciprocal']);

/** A place of the input that the window of output `index` ([n, p, q, c]) covers, counted within its plane. */
function inWindow(random: () => number, index: number, field: (name: string, or?: number) => number): number {
  const [h, w, c] = [field('H'), field('W'), field('C')];
  const axis = (size: number, taps: number, stride: number, pad: number) => ({
    outputs: Math.floor((size + 2 * pad - taps) / stride) + 1,
    place: (output: number) => {
      const place = output * stride - pad + Math.floor(taps * random());
      return Math.min(size - 1, Math.max(0, place));
    },
  });
  const rows = axis(h, field('R'), field('stride_h'), field('pad_h', 0));
  const columns = axis(w, field('S'), field('stride_w'), field('pad_w', 0));
  const pixel = Math.floor(index / c);
  return (
    rows.place(Math.floor(pixel / columns.outputs) % rows.outputs) * w +
    columns.place(pixel % columns.outputs)
  );
}

/**
 * Outputs hold values that no kernel computes, so that an element left unwritten shows.
 *
 * @throws OutOfMemoryError when JavaScript cannot hold them
 */
export function drawOperands({ kernel, problem }: BenchCase): CaseOperands {
  const operands = native(() => addon.kernelOperands(kernel, problem));
  const random = randomSource(seedOf(problem));
  const fields = new Map(problem.split(' ').map((word) => word.split('=') as [string, string]));
  const field = (name: string, otherwise = 1): number => Number(fields.get(name) ?? otherwise);
  const fillOf = ({ name, dtype }: KernelOperand): Fill => {
    if (fields.get('statistics') === '1' && Object.hasOwn(STATISTICS_FILLS, name))
      return STATISTICS_FILLS[name]!;
    if (dtype === 'f32' && POSITIVE_KINDS.has(fields.get('kind') ?? '')) return positive;
    const special = FILLS[`${kernel}.${name}`] ?? FILLS[name];
    if (special !== undefined) return special;
    if (dtype === 'f32') return (draw) => 2 * draw() - 1;
    return dtype === 'u8' ? (draw) => Math.floor(256 * draw()) : (draw) => Math.floor(10 * draw());
  };
  const values = operands.map((operand) => {
    if (operand.count === 0) return null;
    const { dtype, count, role } = operand;
    const array = allocate(dtype, count, operand.name);
    if (role === 'out') return array.fill(dtype === 'f32' ? Number.NaN : dtype === 'i32' ? -77 : 0xab);
    const fill = fillOf(operand);
    for (let index = 0; index < count; index++) array[index] = fill(random, index, field);
    return array;
  });
  return { operands, values };
}

function allocate(dtype: KernelOperand['dtype'], count: number, name: string): HostValues {
  try {
    if (dtype === 'f32') return new Float32Array(count);
    return dtype === 'i32' ? new Int32Array(count) : new Uint8Array(count);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new OutOfMemoryError(
      `Expected operands that fit into memory, got ${count} elements of ${dtype} for ${name}: take a smaller problem.`,
    );
  }
}

const marginBytes = 512;
const marginByte = 0xa5;

/**
 * Runs an implementation (`avx2:rows`, `ref64`) on copies of the operands and gives them back.
 *
 * @throws VerificationError when it wrote beyond an operand
 */
export function runOnCopies(
  { kernel, problem }: BenchCase,
  { operands, values }: CaseOperands,
  implementation: string,
): (Values | null)[] {
  const margins: Uint8Array[][] = [];
  const copies = values.map((array) => {
    margins.push([]);
    if (array === null) return null;
    const ArrayType =
      array instanceof Float32Array
        ? implementation === 'ref64'
          ? Float64Array
          : Float32Array
        : array instanceof Int32Array
          ? Int32Array
          : Uint8Array;
    const size = array.length * ArrayType.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(size + 2 * marginBytes);
    const ends = [bytes.subarray(0, marginBytes), bytes.subarray(marginBytes + size)];
    for (const end of ends) end.fill(marginByte);
    margins[margins.length - 1] = ends;
    const copy = new ArrayType(bytes.buffer, marginBytes, array.length);
    copy.set(array);
    return copy;
  });
  native(() => addon.runKernel(kernel, problem, implementation, copies));
  for (const [place, ends] of margins.entries()) {
    if (ends.some((end) => end.some((byte) => byte !== marginByte))) {
      throw new VerificationError(`It wrote outside of ${operands[place]!.name}.`);
    }
  }
  return copies;
}
