/**
 * The workloads in lapidary beside PyTorch or onnxruntime, alternately in one run; see docs/performance.md.
 *
 *     npm run bench:peers -- [--only resnet20,darts] [--rounds 7] [--steps N] [--batch N] [--threads 2] [--pause 300]
 *                            [--peer pytorch|onnxruntime] [--layout channels_last|contiguous] [--tuned-malloc] [--compile]
 *                            [--needed-gradients] [--seed 1] [--precision default|strict] [--arbiter] [--no-peer] [--profile] [--out FOLDER] [--json]
 *
 * `--arbiter` adds PyTorch in float64 and says how far both sides' first steps are from it.
 * `--out` writes peers.json, and peers.html with a plot of the ratios.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { device } from '../lib/device.js';
import { writeFileAtomic } from '../lib/io/atomic-file.js';
import { writeReport } from '../lib/report/report.js';
import { oneOf, wholeNumber } from './arguments.js';
import type { Comparison, ComparisonOptions, Side } from './comparison.js';
import { describeMachine, notIdle } from './machine.js';
import type { PeerOptions } from './peer.js';
import { peersJson, peersReport } from './peers-report.js';
import { spread } from './statistics.js';
import { workloadNamed, workloads } from './workloads/index.js';
import { DEFAULT_SEED } from './workloads/inputs.js';

const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: [...workloads.keys()].join(',') },
    rounds: { type: 'string', default: '7' },
    steps: { type: 'string' },
    batch: { type: 'string' },
    threads: { type: 'string', default: '2' },
    pause: { type: 'string', default: '300' },
    peer: { type: 'string', default: 'pytorch' },
    layout: { type: 'string', default: 'channels_last' },
    'tuned-malloc': { type: 'boolean', default: false },
    compile: { type: 'boolean', default: false },
    'needed-gradients': { type: 'boolean', default: false },
    seed: { type: 'string', default: String(DEFAULT_SEED) },
    precision: { type: 'string', default: 'default' },
    arbiter: { type: 'boolean', default: false },
    'no-peer': { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

/** A sum of other processes' shares above which the numbers are worth little. */
const tolerableOthers = 0.03;

const threads = wholeNumber('threads', given.threads, 1);
const peer: PeerOptions | null = given['no-peer']
  ? null
  : {
      framework: oneOf('peer', given.peer, 'pytorch', 'onnxruntime'),
      threads,
      layout: oneOf('layout', given.layout, 'channels_last', 'contiguous'),
      compile: given.compile,
      neededGradients: given['needed-gradients'],
      tunedMalloc: given['tuned-malloc'],
    };
const options: ComparisonOptions = {
  rounds: wholeNumber('rounds', given.rounds, 1),
  ...(given.steps === undefined ? {} : { steps: wholeNumber('steps', given.steps, 1) }),
  ...(given.batch === undefined ? {} : { batch: wholeNumber('batch', given.batch, 1) }),
  threads,
  pause: wholeNumber('pause', given.pause, 0),
  peer,
  seed: wholeNumber('seed', given.seed, 0),
  precision: oneOf('precision', given.precision, 'default', 'strict'),
  arbiter: given.arbiter,
  profile: given.profile,
};
const chosen = given.only.split(',').map(workloadNamed);

device().setThreads(threads);
const machine = await describeMachine();
console.log(
  `${machine.cpu}, ${machine.cores} cores; ${machine.isa}, ${threads} threads; Node ${machine.node}`,
);
const warning = notIdle(machine);
if (warning !== null) console.warn(`warning: ${warning}`);

const comparisons: Comparison[] = [];
for (const { name, title, gradients } of chosen) {
  console.log(`\n${name}: ${title}\n  gradients: ${gradients}`);
  const comparison = await comparedInItsOwnProcess(name);
  comparisons.push(comparison);
  printComparison(comparison);
}

const record = peersJson(machine, peer, comparisons);
if (given.out !== undefined) {
  await mkdir(given.out, { recursive: true });
  await writeFileAtomic(join(given.out, 'peers.json'), `${JSON.stringify(record, null, 2)}\n`);
  await writeReport(join(given.out, 'peers.html'), peersReport(machine, peer, comparisons));
}
if (given.json) console.log(JSON.stringify(record));

async function comparedInItsOwnProcess(name: string): Promise<Comparison> {
  const script = fileURLToPath(new URL('./compared-workload.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, script, name, JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let comparison: Comparison | null = null;
  child.on('message', (message) => {
    comparison = message as Comparison;
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (comparison === null) {
    console.error(`${name} was not measured.`);
    process.exit(code ?? 1);
  }
  return comparison;
}

function exponents(values: readonly number[]): string {
  return values.map((value) => value.toExponential(1)).join('  ');
}

function printComparison({ batch, gflop, rounds, steps, ours, peer, ...rest }: Comparison): void {
  const line = (name: string, { ms, peakMb }: Side): string =>
    `  ${name.padEnd(40)} ${ms.median.toFixed(1).padStart(7)} ms  (${ms.low.toFixed(1)} to ${ms.high.toFixed(1)})  ` +
    `${((1000 * gflop) / ms.median).toFixed(1).padStart(6)} GFLOP/s  ${peakMb.toFixed(0).padStart(5)} MiB`;
  console.log(`  batch ${batch}, ${gflop.toFixed(2)} GFLOP a step; ${rounds} rounds of ${steps} steps`);
  console.log(
    '                                             median    (quartiles)                        peak memory',
  );
  console.log(line('lapidary', ours));
  if (peer !== null) {
    const { framework, layout = '', compiled, needed_gradients } = peer.hello;
    const how = `${compiled === true ? ' compiled' : ''}${needed_gradients === true ? ', needed gradients' : ''}`;
    console.log(line(`${framework} ${layout}${how}`, peer));
    const { median, low, high } = spread(rest.ratios);
    console.log(
      `  lapidary is ${median.toFixed(2)} times faster  (${low.toFixed(2)} to ${high.toFixed(2)}: peer's time / ours)`,
    );
    console.log('  outputs of the first steps agree; distances relative to the norm:');
    for (const [name, bySteps] of Object.entries(rest.distances)) {
      console.log(`    ${name.padEnd(18)} ${exponents(bySteps)}`);
      const judged = rest.arbitrations[name] ?? [];
      if (judged.length === 0) continue;
      console.log(`      from float64: lapidary ${exponents(judged.map(({ ours }) => ours))}`);
      console.log(`                    the peer ${exponents(judged.map(({ peer }) => peer))}`);
    }
  }
  console.log(`  other processes took ${(100 * rest.others).toFixed(1)} % of the cores meanwhile`);
  if (rest.others > tolerableOthers) {
    console.warn('  warning: that is too much: measure again on an idle machine.');
  }
  if (rest.profile !== null) console.log(`\n${rest.profile}`);
}
