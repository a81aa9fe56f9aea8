/**
 * What batches cost: ResNet-20 training steps on batches of a loader, plain and augmented, beside steps on one batch that is
 * always the same, in turns within one run. Wanted: at most 5 % more.
 *
 *     npm run bench:loader -- [--rounds 9] [--steps 6] [--batch 128] [--threads 2] [--pause 200] [--json]
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { AugmentationConfig } from '../lib/data/augmentation.js';
import { shapes10 } from '../lib/data/drawn/shapes10.js';
import { type Batch, Loader } from '../lib/data/loader.js';
import { device } from '../lib/device.js';
import { formatTable } from '../lib/report/table.js';
import { describeMachine, notIdle, watchOthers } from './machine.js';
import { spread } from './statistics.js';
import { TrainingStep } from './workloads/training-step.js';
import { runSteps } from './workloads/workload.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    steps: { type: 'string', default: '6' },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    pause: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
const [rounds, steps, batch, threads, pause] = (
  ['rounds', 'steps', 'batch', 'threads', 'pause'] as const
).map((name) => {
  const value = Number(options[name]);
  if (Number.isInteger(value) && value >= (name === 'pause' ? 0 : 1)) return value;
  throw new RangeError(`Expected a whole number for --${name}, got '${options[name]}'.`);
}) as [number, number, number, number, number];

const augmentations: Readonly<Record<string, AugmentationConfig | undefined>> = {
  'loader, no augmentation': undefined,
  'crop, flip, cutout': { pad: 4, flip: true, cutout: 8 },
  'crop, flip, cutout as a chain': {
    transforms: [{ kind: 'crop', size: 32, pad: 4 }, { kind: 'flip' }, { kind: 'cutout', side: 8 }],
  },
  'simclr-cifar': { preset: 'simclr-cifar', size: 32 },
};

device().setThreads(threads);
const machine = await describeMachine();
console.log(
  `${machine.cpu}, ${machine.cores} cores; ${machine.isa}, ${threads} threads; Node ${machine.node}`,
);
const warning = notIdle(machine);
if (warning !== null) console.warn(`warning: ${warning}`);

const data = await shapes10({ seed: 1, train: Math.max(2048, 2 * batch), test: 10 });
const training = new TrainingStep('resnet20', batch);

/** Batches without end. */
async function* batchesOf(augmentation: AugmentationConfig | undefined): AsyncGenerator<Batch> {
  const loader = new Loader(data.train, {
    batch,
    shuffle: true,
    dropLast: true,
    seed: 1,
    ...(augmentation === undefined ? {} : { augmentation }),
  });
  for (let epoch = 0; ; epoch++) yield* loader.epoch(epoch);
}

const names = Object.keys(augmentations);
const iterators = new Map(names.map((name) => [name, batchesOf(augmentations[name])]));
const without = 'one batch, no loader';
const contestants = [without, ...names];
const times = new Map<string, number[]>(contestants.map((name) => [name, []]));

/** Milliseconds that so many steps take, on batches of a loader if it is given. */
async function run(count: number, batches: AsyncIterator<Batch> | undefined): Promise<number> {
  const { ms } = await runSteps(
    {
      ...training,
      step: async () => training.step(batches && (await batches.next()).value),
    },
    count,
  );
  return ms;
}

for (const name of contestants) await run(2, iterators.get(name));
const othersShare = watchOthers();
for (let round = 0; round < rounds; round++) {
  // Everybody comes first, second, ... in turn.
  for (let turn = 0; turn < contestants.length; turn++) {
    const name = contestants[(turn + round) % contestants.length]!;
    await sleep(pause);
    times.get(name)!.push((await run(steps, iterators.get(name))) / steps);
  }
}
const others = othersShare(0);
for (const iterator of iterators.values()) await iterator.return(undefined);
data.dispose();

const base = times.get(without)!;
const rows = contestants.map((name) => {
  const own = times.get(name)!;
  return { name, ms: spread(own), ratio: spread(own.map((ms, round) => ms / base[round]!)) };
});
console.log(
  `\nResNet-20 training step, batch ${batch}; ${rounds} rounds of ${steps} steps; medians (quartiles)`,
);
console.log(
  formatTable({
    columns: ['batches', 'ms a step', 'ratio', 'lower', 'upper quartile'],
    rows: rows.map(({ name, ms, ratio }) => [name, ms.median, ratio.median, ratio.low, ratio.high]),
  }),
);
console.log(`other processes took ${(100 * others).toFixed(1)} % of the cores meanwhile`);
if (others > 0.03) console.warn('warning: that is too much: measure again on an idle machine.');
if (options.json)
  console.log(JSON.stringify({ machine: { ...machine, others }, batch, rounds, steps, rows }));
