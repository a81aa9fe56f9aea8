/**
 * What a call costs on the side of JavaScript: operations enqueued a second, on tensors so small that the work itself is nothing.
 *
 *     npm run bench:overhead -- [--only add,conv2d] [--json]
 *
 * Made with `benchmark` because the design asks for it. Its repository is archived, so it stays in this file: the kernels are
 * timed by `lapidary bench`, workloads by bench/*.ts.
 *
 * A case enqueues a batch of calls and waits for the stream, so what is counted is the slower of enqueueing and executing
 * (a task's hand-over and an empty kernel), and the queue never fills.
 */

import { parseArgs } from 'node:util';
import Benchmark from 'benchmark';
import {
  add,
  conv2d,
  crossEntropy,
  device,
  matmul,
  mul,
  noGrad,
  own,
  rand,
  relu,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../lib/index.js';
import { formatTable } from '../lib/report/table.js';
import { describeMachine, notIdle } from './machine.js';

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false } },
});

/** Calls in one run of a case: well below the 4,096 tasks that the queue holds. */
const batch = 512;

const [a, b] = [own(rand([16], { seed: 1 })), own(rand([16], { seed: 2 }))];
const image = own(rand([1, 4, 4, 16], { seed: 3 }));
const filter = own(rand([16, 3, 3, 16], { seed: 4 }));
const matrix = own(rand([4, 4], { seed: 5 }));
const logits = own(rand([2, 4], { seed: 6 }));
const weight = own(rand([16], { seed: 7 }));
weight.requiresGrad = true;
const labels = own(tensor(Int32Array.of(1, 2)));
const host = new Float32Array(16);

/** Each is called `batch` times in a run, inside a scope. */
const calls: Readonly<Record<string, () => unknown>> = {
  'scope(() => {})': () => scope(() => undefined),
  'noGrad(() => {})': () => noGrad(() => undefined),
  'zeros([16])': () => zeros([16]),
  'tensor(Float32Array of 16)': () => tensor(host),
  'add(a, b)': () => add(a, b),
  'relu(a)': () => relu(a),
  'matmul(4 x 4)': () => matmul(matrix, matrix),
  'conv2d(1 x 4 x 4 x 16, 3 x 3)': () => conv2d(image, filter, { padding: 1 }),
  'crossEntropy(2 x 4)': () => crossEntropy(logits, labels),
  'mul(w, a), recorded': () => mul(weight, a),
  'mul(w, a), its backward': () => scope(() => mul(weight, a).sum().backward()),
};
/** Each waits for its value. */
const awaited: Readonly<Record<string, () => Promise<unknown>>> = {
  'await synchronize()': () => device().synchronize(),
  'await a.data()': () => a.data(),
  'await add(a, b).data()': () => scope(() => add(a, b).data()),
};

interface Row {
  readonly call: string;
  readonly callsPerSecond: number;
  readonly microseconds: number;
  /** Of the mean, in per cent, by the package's own statistics. */
  readonly marginOfError: number;
}

const wanted = options.only?.split(',');
const chosen = (name: string): boolean => wanted === undefined || wanted.some((part) => name.includes(part));
Benchmark.options.maxTime = 1; // seconds a case: the whole list in half a minute
const rows: Row[] = [];
const suite = new Benchmark.Suite('overhead');
for (const [call, body] of Object.entries(calls)) {
  if (!chosen(call)) continue;
  suite.add(call, () => {
    scope(() => {
      for (let count = 0; count < batch; count++) body();
    });
    device().synchronizeSync();
  });
}
for (const [call, body] of Object.entries(awaited)) {
  if (!chosen(call)) continue;
  suite.add(call, {
    defer: true,
    fn: (deferred: { resolve(): void }) => void body().then(() => deferred.resolve()),
  });
}
suite.on('cycle', ({ target }: { target: Benchmark }) => {
  const call = target.name ?? '';
  const each = Object.hasOwn(calls, call) ? batch : 1;
  if (target.hz === undefined || target.error !== undefined) throw new Error(`${call}: ${target.error}`);
  rows.push({
    call,
    callsPerSecond: target.hz * each,
    microseconds: 1e6 / (target.hz * each),
    marginOfError: target.stats!.rme,
  });
});

const machine = await describeMachine();
const warning = notIdle(machine);
if (warning !== null) console.warn(`warning: ${warning}`);
await new Promise((done) => suite.on('complete', done).run({ async: true }));

const text = formatTable({
  columns: ['call', 'calls/s', 'us a call', '± %'],
  rows: rows.map(({ call, callsPerSecond, microseconds, marginOfError }) => [
    call,
    Math.round(callsPerSecond),
    microseconds.toFixed(2),
    marginOfError.toFixed(1),
  ]),
});
console.log(`${machine.cpu}, ${machine.isa}, ${machine.threads} threads; Node ${machine.node}\n\n${text}`);
if (options.json) console.log(JSON.stringify({ machine, rows }));

const kept: Tensor<'f32' | 'i32'>[] = [a, b, image, filter, matrix, logits, weight, labels];
for (const one of kept) one.dispose();
