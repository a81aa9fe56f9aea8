// Calls every function of the addon with random arguments: nonsense, and possible ones with odd values.
//
//   fuzz.ts SEED CALLS    LAPIDARY_FUZZ_LOG=file keeps the last call there, for when the process crashes
import { openSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { randomSource } from '../../../lib/bench/random-source.js';
import { addon } from '../../../lib/native-addon.js';
import { problems } from './fuzz-problems.js';

type Values = Float32Array | Float64Array | Int32Array | Uint8Array;
type Callable = (...values: unknown[]) => unknown;

const seed = Number(process.argv[2]);
const calls = Number(process.argv[3]);
const random = randomSource(seed);
const below = (count: number): number => Math.floor(random() * count);
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
const chance = (probability: number): boolean => random() < probability;

const memoryLimit = 24 << 20;
const largestKept = 5000; // elements: what one call may cost stays small
const table = addon.opTable();
const kernels = addon.kernels();

// ---- Tensors to work with, live and released

const live: number[] = [];
const released: number[] = [];

function adopt(result: unknown): void {
  for (const handle of Array.isArray(result) ? result : [result]) {
    if (typeof handle !== 'number' || handle === 0) continue;
    const { shape } = addon.info(handle);
    live.push(handle);
    if (shape.reduce((product, extent) => product * extent, 1) > largestKept) release(live.length - 1);
  }
  while (live.length > 60) release(below(live.length));
}

function release(index: number): void {
  const [handle] = live.splice(index, 1);
  addon.release(handle!);
  released.push(handle!);
  if (released.length > 50) released.shift();
}

const shapes = [
  [],
  [1],
  [4],
  [8],
  [3, 4],
  [4, 4],
  [2, 8, 8, 4],
  [4, 3, 3, 4],
  [8, 1, 1, 4],
  [2, 5],
  [2, 3, 3, 2, 2, 2],
];

function newTensor(): number {
  const shape = pick(shapes);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const dtype = chance(0.7) ? 0 : chance(0.6) ? 1 : 2;
  const data: Values =
    dtype === 0
      ? Float32Array.from({ length: count }, () => (chance(0.03) ? pick(oddNumbers) : 2 * random() - 1))
      : dtype === 1
        ? Int32Array.from({ length: count }, () => (chance(0.05) ? pick(oddNumbers) : below(4)))
        : Uint8Array.from({ length: count }, () => below(256));
  const handle = addon.fromHost(data, dtype, Int32Array.from(shape));
  if (dtype === 0 && chance(0.4)) addon.setRequiresGrad(handle, true);
  return handle;
}

// ---- Values

const oddNumbers = [
  0,
  -0,
  1,
  -1,
  0.5,
  2,
  3,
  31,
  32,
  255,
  4096,
  65536,
  2 ** 31 - 1,
  -(2 ** 31),
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e300,
  -1e300,
  1e-300,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
];
const texts = [
  '',
  ' ',
  'avx2',
  'avx512',
  'base',
  'base:ref',
  ':ref',
  'ref64',
  'sse:ref',
  '%s%n',
  'é\0x',
  'x'.repeat(5000),
];

function typedArray(): ArrayBufferView {
  const length = below(9);
  const Class = pick([
    Float32Array,
    Float64Array,
    Int32Array,
    Uint8Array,
    Int8Array,
    Uint32Array,
    Uint8ClampedArray,
  ]);
  const fill = (array: Values): Values =>
    array.map(() => (chance(0.3) ? pick(oddNumbers) : below(6)) as never);
  switch (below(6)) {
    case 0: {
      const array = new Class(length + 1);
      structuredClone(array, { transfer: [array.buffer] }); // detached
      return array;
    }
    case 1:
      return new Class(new SharedArrayBuffer(64) as ArrayBufferLike as ArrayBuffer, 8, 2);
    case 2:
      return chance(0.5) ? new DataView(new ArrayBuffer(8)) : new BigInt64Array(2);
    case 3:
      return new Class(new ArrayBuffer(64), 16, 3);
    default:
      return fill(new Class(length) as Values);
  }
}

function junk(): unknown {
  switch (below(12)) {
    case 0:
      return pick([
        undefined,
        null,
        true,
        false,
        12n,
        Symbol('s'),
        () => 1,
        {},
        [],
        [1, 2],
        new Date(0),
        /x/,
        new Proxy([], {}),
      ]);
    case 1:
    case 2:
      return pick(oddNumbers);
    case 3:
      return below(40);
    case 4:
      return pick(texts);
    case 5:
    case 6:
      return typedArray();
    case 7:
      return released.length > 0 ? pick(released) : 0;
    case 8:
      return Array.from({ length: below(5) }, () => (chance(0.5) ? typedArray() : pick(oddNumbers)));
    case 9:
      // A list whose elements are read by running JavaScript, which may call back, or take memory away.
      return Object.defineProperties([1, 2], {
        0: { get: () => addon.memory().active },
        1: {
          get: () => {
            throw new RangeError('thrown by a getter');
          },
        },
      });
    default:
      return handle();
  }
}

function handle(): number {
  if (chance(0.04)) return 0;
  if (chance(0.03)) return released.length > 0 ? pick(released) : pick(oddNumbers);
  return pick(live);
}

const small = (): number => (chance(0.06) ? pick(oddNumbers) : below(6) - 1);

// ---- Possible arguments, by function; others take nonsense only

/** A live tensor that an input of this name could be, if there is one. */
function fitting(name: string, like: number | undefined): number {
  if (chance(0.05)) return handle();
  if (name.endsWith('?') && chance(0.6)) return 0;
  const dtype = /labels|index|Index/.test(name) ? 1 : name === 'images' ? 2 : 0;
  const wantsImage = /^(images|filter)$/.test(name) || (like === undefined && chance(0.4));
  const shape = like !== undefined && chance(0.6) ? String(addon.info(like).shape) : null;
  const candidates = live.filter((each) => {
    const info = addon.info(each);
    if (info.dtype !== dtype || (shape !== null && String(info.shape) !== shape)) return false;
    return !wantsImage || info.shape.length === 4;
  });
  return candidates.length > 0 ? pick(candidates) : handle();
}

function plausibleInt(name: string): number {
  if (chance(0.03)) return pick(oddNumbers);
  if (/^(stride|dilation|groups|r$|s$)/.test(name)) return 1 + below(2);
  if (/^\.\.\.shape/.test(name)) return 1 + below(4);
  return below(3);
}

function opCall(): unknown[] {
  const index = below(table.length);
  const row = table[index]!;
  const many = (names: readonly string[]): string[] => {
    const last = names.at(-1);
    if (chance(0.03)) return Array<string>(below(12)).fill('?');
    if (last === undefined || !last.startsWith('...')) return [...names];
    return [...names.slice(0, -1), ...Array<string>(below(5)).fill(last)];
  };
  const ints = Int32Array.from(many(row.ints), plausibleInt);
  const scalars = Float64Array.from(many(row.scalars), (name) =>
    chance(0.9) ? (/seed|site|stream|first/.test(name) ? below(9) : random()) : small(),
  );
  let like: number | undefined;
  const handles = Float64Array.from(many(row.inputs), (name) => {
    const chosen = fitting(name, like);
    if (live.includes(chosen)) like ??= chosen;
    return chosen;
  });
  return [index, chance(0.8) ? 1 : 0, ints, scalars, handles];
}

/** A recorded tensor, with a seed of its shape. */
function recordedWithSeed(): [y: number, seed: number] {
  const recorded = live.filter((each) => addon.info(each).recorded);
  if (recorded.length === 0 || chance(0.1)) return [handle(), handle()];
  const y = pick(recorded);
  const { shape } = addon.info(y);
  if (shape.length === 0 || chance(0.1)) return [y, 0];
  const full = table.findIndex(({ name }) => name === 'full');
  const seedHandle = addon.run(
    full,
    0,
    Int32Array.from(shape),
    Float64Array.of(1),
    new Float64Array(),
  ) as number;
  live.push(seedHandle);
  return [y, seedHandle];
}

function gradCall(): unknown[] {
  const [y, seedHandle] = recordedWithSeed();
  const xs = live.filter((each) => addon.info(each).requiresGrad || addon.info(each).recorded);
  const chosen = Float64Array.from({ length: below(4) }, () =>
    xs.length > 0 && chance(0.95) ? pick(xs) : handle(),
  );
  return [y, chosen, seedHandle, chance(0.7)];
}

function hostData(): unknown[] {
  const shape = Int32Array.from({ length: below(4) }, () => (chance(0.1) ? small() : 1 + below(4)));
  const count = shape.reduce((product, extent) => product * extent, 1);
  const Class = pick([Float32Array, Int32Array, Uint8Array]);
  const length = chance(0.1) || !(count >= 0 && count < 1000) ? below(10) : count;
  return [
    new Class(length),
    chance(0.8) ? [Float32Array, Int32Array, Uint8Array].indexOf(Class) : small(),
    shape,
  ];
}

function problemText(kernel: string): string {
  const fields = problems[kernel]!.map((field) => {
    const [name, choices] = field;
    if (chance(0.25)) return '';
    if (chance(0.04))
      return `${name}=${pick(['0', '-1', '', 'x', '4096', '2147483647', '9223372036854775807', '1x2x3', 'nan', '1e9'])}`;
    if (choices !== undefined) return `${name}=${pick(choices)}`;
    return `${name}=${1 + below(chance(0.2) ? 20 : 5)}`;
  });
  return fields.filter((text) => text !== '').join(chance(0.02) ? '  ' : ' ');
}

function kernelCall(): unknown[] {
  const kernel = pick(kernels);
  const text = problemText(kernel);
  const choices = [
    'ref64',
    'base:ref',
    ...addon.kernelImplementations(kernel, text).map(({ isa, name }) => `${isa}:${name}`),
  ];
  const implementation = chance(0.97) ? pick(choices) : pick(texts);
  const operands = addon.kernelOperands(kernel, text);
  const arrays = operands.map(({ dtype, count }) => {
    if (count > 100_000 || chance(0.003)) return chance(0.5) ? null : new Float32Array(3);
    const wide = implementation === 'ref64';
    if (dtype === 'u8') return new Uint8Array(count).map(() => below(256));
    if (dtype === 'i32') return new Int32Array(count).map(() => (chance(0.2) ? pick(oddNumbers) : below(3)));
    const array = wide ? new Float64Array(count) : new Float32Array(count);
    return array.map(() => (chance(0.02) ? pick(oddNumbers) : 2 * random() - 1));
  });
  return [kernel, text, implementation, arrays];
}

/** A custom op whose backward function gives back right gradients, wrong ones, or an error. */
function customCall(): unknown[] {
  const inputs = Float64Array.from({ length: 1 + below(3) }, handle);
  const saved = Float64Array.from({ length: below(3) }, handle);
  const backward = (gradients: number[], kept: number[], needs: boolean[]): unknown => {
    if (chance(0.1)) live.push(newTensor()); // its handle may lie where another one was
    const [gradient] = gradients;
    const answer = Float64Array.from(needs, () => (gradient && chance(0.9) ? addon.alias(gradient) : 0));
    for (const each of [...gradients, ...kept]) if (each !== 0) addon.release(each);
    if (chance(0.1)) throw new RangeError('thrown by a getter');
    return chance(0.9) ? answer : junk();
  };
  const outputs = Float64Array.from({ length: 1 + below(2) }, () => (chance(0.5) ? inputs[0]! : handle()));
  return [pick(texts), inputs, saved, outputs, backward];
}

const captures: number[] = [];

/** Records some calls, among them ones that are refused, and ends the capture one way or the other. */
function fillCapture(): void {
  const inside = ['run', 'run', 'run', 'backward', 'grad', 'release', 'alias', 'setGrad', 'gradOf', 'replay'];
  const refused = ['write', 'fromHost', 'toHostSync', 'setStepBlock', 'synchronizeSync', 'runKernel'];
  for (let count = below(12); count > 0; count--) {
    if (chance(0.1)) addon.pauseCapture(chance(0.5));
    call(pick(chance(0.8) ? inside : refused) as keyof typeof addon);
  }
  if (chance(0.3)) addon.abandonCapture();
  else captures.push(addon.endCapture().id);
  if (captures.length > 3) addon.releaseCapture(captures.shift()!);
}

function writeCall(): unknown[] {
  const target = pick(live);
  const { shape, dtype } = addon.info(target);
  const count = shape.reduce((product, extent) => product * extent, 1);
  return [target, new [Float32Array, Int32Array, Uint8Array][dtype]!(chance(0.1) ? below(9) : count)];
}

const possible: Readonly<Record<string, () => unknown[]>> = {
  run: opCall,
  fromHost: hostData,
  write: writeCall,
  toHost: () => [handle()],
  toHostSync: () => [handle()],
  alias: () => [handle()],
  info: () => [handle()],
  setRequiresGrad: () => [handle(), chance(0.7)],
  gradOf: () => [handle()],
  setGrad: () => [handle(), chance(0.3) ? 0 : handle()],
  backward: () => [...recordedWithSeed(), chance(0.7)],
  grad: gradCall,
  setStepBlock: () => [below(36) - 3, chance(0.5) ? below(1000) : pick(oddNumbers)],
  setThreads: () => [1 + below(4)],
  setMemoryLimit: () => [below(1 << 24)],
  forceImplementation: () => [pick(texts)],
  setPrecision: () => [chance(0.5) ? pick(['default', 'strict']) : pick(texts)],
  setCallSite: () => [pick(texts)],
  kernelOperands: () => {
    const kernel = pick(kernels);
    return [kernel, problemText(kernel)];
  },
  kernelImplementations: () => {
    const kernel = pick(kernels);
    return [kernel, problemText(kernel)];
  },
  runKernel: kernelCall,
  timeKernel: () => [...kernelCall(), below(3), below(3), pick([0, 64, 4096])],
  recordCustom: customCall,
  replay: () => [captures.length > 0 ? pick(captures) : below(20), 0, below(12)],
};

/** How often a function is called, where it is not once in every round. */
const weights: Readonly<Record<string, number>> = {
  run: 30,
  runKernel: 20,
  fromHost: 3,
  write: 4,
  grad: 4,
  backward: 4,
  recordCustom: 3,
  replay: 3,
};
/** Costs a lot a call: threads are started and joined, or everything is waited for. */
const rare = new Set(['setThreads', 'emptyCache']);

// ---- The run

const functions = Object.keys(addon) as (keyof typeof addon)[];
const bag = functions.flatMap((name) => Array<keyof typeof addon>(weights[name] ?? 1).fill(name));
const tally = {
  calls: {} as Record<string, number>,
  succeeded: {} as Record<string, number>,
  untyped: [] as string[],
  stillWorks: false,
};
const pending: Promise<unknown>[] = [];
const logFile = process.env.LAPIDARY_FUZZ_LOG;
const log = logFile === undefined ? null : openSync(logFile, 'w');

function note(name: string, error: unknown): void {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (message === 'thrown by a getter') return;
  if (typeof code !== 'string' || !code.startsWith('ERR_') || code === 'ERR_INTERNAL') {
    tally.untyped.push(`${name}: ${inspect(error).slice(0, 300)}`);
  }
}

function call(name: keyof typeof addon): void {
  let values: unknown[];
  try {
    const sensible = possible[name];
    values = sensible !== undefined && chance(0.8) ? sensible() : Array.from({ length: below(6) }, junk);
    if (chance(0.03) && values.length > 0) values[below(values.length)] = junk();
  } catch (error) {
    note(`${name} (its arguments)`, error); // a problem that the addon refused
    return;
  }
  if (log !== null)
    writeSync(log, `${name} ${inspect(values, { depth: 3, maxArrayLength: 20, breakLength: Infinity })}\n`);
  tally.calls[name] = (tally.calls[name] ?? 0) + 1;
  try {
    const result = (addon[name] as Callable)(...values);
    tally.succeeded[name] = (tally.succeeded[name] ?? 0) + 1;
    if (name === 'release') {
      const index = live.indexOf(values[0] as number);
      if (index >= 0) released.push(...live.splice(index, 1));
    } else if (name === 'beginCapture') {
      fillCapture();
    } else if (['run', 'fromHost', 'alias', 'gradOf', 'grad', 'recordCustom'].includes(name)) {
      adopt(result);
    } else if (result instanceof Promise) {
      pending.push(result.catch((error: unknown) => note(name, error)));
    }
  } catch (error) {
    note(name, error);
  }
  addon.setMemoryLimit(memoryLimit);
  if (name === 'setVerbose') addon.setVerbose(false);
  if (name === 'setThreads' && addon.engine().threads > 4) addon.setThreads(2);
}

addon.setMemoryLimit(memoryLimit);
while (live.length < 30) live.push(newTensor());
for (let count = 0; count < calls; count++) {
  if (live.length < 30 || chance(0.05)) live.push(newTensor());
  const name = count < functions.length * 20 ? functions[count % functions.length]! : pick(bag);
  if (rare.has(name) && !chance(0.9)) continue;
  call(name);
  if (count % 100 === 0) {
    await Promise.all(pending.splice(0));
    await addon.synchronize().catch((error: unknown) => note('synchronize', error));
  }
}
await Promise.all(pending);
await addon.synchronize().catch((error: unknown) => note('synchronize', error));

while (live.length > 0) release(0);
while (captures.length > 0) addon.releaseCapture(captures.pop()!);
addon.removeSignalHandlers();
addon.forceImplementation('');
const end = addon.fromHost(Float32Array.of(1, 2, 3), 0, Int32Array.of(3));
tally.stillWorks = (await addon.toHost(end))[2] === 3;
console.log(JSON.stringify(tally));
