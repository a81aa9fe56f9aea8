/**
 * How good a neighbour the engine is, as docs/engine.md reports it:
 *
 *   node --import tsx scripts/measure-manners.ts [seconds of training, default 20]
 *
 * (a) how late a timer of 10 ms is while ResNet-20 trains at batch 128, (b) the processor time of an idle engine, (c) what
 * an operation costs the JavaScript thread, which only enqueues it.
 */
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import * as L from '../lib/index.js';

const period = 10;
const seconds = Number(process.argv[2] ?? 20);

function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))]!;
}

const format = (value: number, digits = 1): string => value.toFixed(digits);

/** Processors that other processes used meanwhile, from /proc/stat; null where there is none. */
function otherLoad(): () => number | null {
  const read = (): { busy: number; at: number; own: number } | null => {
    try {
      const [user, nice, system, , , irq, soft] = readFileSync('/proc/stat', 'utf8')
        .split('\n', 1)[0]!
        .trim()
        .split(/\s+/)
        .slice(1)
        .map(Number);
      const { user: ownUser, system: ownSystem } = process.cpuUsage();
      const busy = (user! + nice! + system! + irq! + soft!) / 100;
      return { busy, at: performance.now() / 1000, own: (ownUser + ownSystem) / 1e6 };
    } catch {
      return null;
    }
  };
  const from = read();
  return () => {
    const to = read();
    if (from === null || to === null) return null;
    return Math.max(0, (to.busy - from.busy - (to.own - from.own)) / (to.at - from.at));
  };
}

/** ResNet-20 with its optimiser, and a batch of 128. */
function makeStep(): () => L.Tensor {
  const normalization = { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] };
  const model = L.buildModel('resnet20', { classes: 10, normalization, seed: 1 });
  const optimizer = new L.SGD(model.namedParameters(), { rate: 0.1, momentum: 0.9, decay: 1e-4 });
  const x = L.rand([128, 32, 32, 3], { seed: 2 });
  const labels = L.tensor(Int32Array.from({ length: 128 }, (_, index) => index % 10));
  return () =>
    L.scope(() => {
      model.zeroGrad();
      const loss = L.crossEntropy(model.forward(x), labels);
      loss.backward();
      optimizer.step();
      return loss;
    });
}

async function train(step: () => L.Tensor, until: number): Promise<{ steps: number; enqueue: number[] }> {
  const enqueue: number[] = [];
  let inFlight: Promise<number> | null = null;
  let steps = 0;
  while (performance.now() < until) {
    const from = performance.now();
    const loss = step();
    const value = loss.item();
    loss.dispose();
    enqueue.push(performance.now() - from);
    await inFlight;
    inFlight = value;
    steps++;
  }
  await inFlight;
  return { steps, enqueue };
}

async function measureTimer(step: () => L.Tensor): Promise<void> {
  const lateness: number[] = [];
  let training = true;
  const ticking = (async () => {
    while (training) {
      const from = performance.now();
      await wait(period);
      lateness.push(performance.now() - from - period);
    }
  })();
  const others = otherLoad();
  const from = performance.now();
  const { steps, enqueue } = await train(step, from + 1000 * seconds);
  const perStep = (performance.now() - from) / steps;
  training = false;
  await ticking;
  const [p50, p99] = [percentile(lateness, 50), percentile(lateness, 99)];
  console.log(`(a) ResNet-20, batch 128: ${steps} steps of ${format(perStep)} ms`);
  console.log(
    `    a timer of ${period} ms is late by p50 ${format(p50)} ms, p99 ${format(p99)} ms, ` +
      `at most ${format(Math.max(...lateness))} ms (${lateness.length} ticks; p99 must be <= 20: ${p99 <= 20 ? 'ok' : 'FAILED'})`,
  );
  console.log(`    enqueuing a step holds the loop p50 ${format(percentile(enqueue, 50))} ms`);
  const load = others();
  if (load !== null) console.log(`    other processes used ${format(load)} processors meanwhile`);
}

/** Milliseconds of processor time a second, of all threads of this process. */
async function processorTime(span: number): Promise<number> {
  const from = process.cpuUsage();
  await wait(span);
  const { user, system } = process.cpuUsage(from);
  return (user + system) / span; // microseconds in a millisecond are milliseconds in a second
}

async function measureIdle(): Promise<void> {
  await L.device().synchronize();
  const first = await processorTime(1000);
  // V8 collects what the training left some seconds later; that is not what an idle engine costs.
  let settled = 0;
  for (let second = 0; second < 30 && settled < 3; second++) {
    settled = (await processorTime(1000)) < 5 ? settled + 1 : 0;
  }
  const idle = await processorTime(5000);
  console.log(
    `(b) idle: ${format(idle, 2)} ms of processor time a second (must be < 1: ${idle < 1 ? 'ok' : 'FAILED'}); ` +
      `${format(first, 2)} ms in the first second after work`,
  );
}

/** The cost of one call, the best of several batches: the driver thread runs beside it on the same processors. */
async function costOfCall(call: () => void): Promise<number> {
  const count = 1000;
  let best = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < 30; batch++) {
    await L.device().synchronize();
    const from = performance.now();
    for (let index = 0; index < count; index++) call();
    best = Math.min(best, ((performance.now() - from) * 1000) / count);
  }
  return best;
}

async function measureCalls(): Promise<void> {
  const a = L.rand([16], { seed: 1 });
  const b = L.rand([16], { seed: 2 });
  const leaf = L.rand([16], { seed: 3, requiresGrad: true });
  const release = (tensor: L.Tensor): void => tensor.dispose();
  const plain = await costOfCall(() => release(L.add(a, b)));
  const recorded = await costOfCall(() => release(L.mul(leaf, b)));
  const view = await costOfCall(() => release(L.reshape(a, [4, 4])));
  console.log(
    `(c) a call from JavaScript, with its dispose(): add ${format(plain, 2)} us, ` +
      `recorded mul ${format(recorded, 2)} us, reshape (no kernel) ${format(view, 2)} us`,
  );
}

console.log(
  `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} processors; ${L.device()}; Node ${process.version}; ` +
    `load average ${loadavg()
      .map((load) => format(load))
      .join(' ')}`,
);
const step = makeStep();
await train(step, performance.now() + 2000);
await measureTimer(step);
await measureIdle();
await measureCalls();
