/**
 * The ResNet-20 training step in lapidary beside PyTorch eager, alternately in one run; see docs/performance.md.
 *
 *     npm run bench:resnet20 -- [--rounds 7] [--steps 4] [--batch 128] [--threads 2] [--pause 300]
 *                               [--layout channels_last|contiguous] [--tuned-malloc] [--no-peer] [--profile] [--json]
 */

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { device } from '../lib/device.js';
import { writeSafetensors } from '../lib/io/safetensors.js';
import { profileKernels, profileTable } from './kernel-profile.js';
import { describeMachine, notIdle, resetPeak, residentMb, watchOthers } from './machine.js';
import { Peer } from './peer.js';
import { type Spread, spread } from './statistics.js';
import { momentum, type Run, rate, TrainingStep } from './training-step.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    steps: { type: 'string', default: '4' },
    batch: { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
    pause: { type: 'string', default: '300' },
    layout: { type: 'string', default: 'channels_last' },
    'tuned-malloc': { type: 'boolean', default: false },
    'no-peer': { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
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

/** The first losses must agree that well; f32 rounding moves them apart step by step. */
const comparedSteps = 3;
const lossTolerance = 1e-3;

device().setThreads(threads);
const machine = await describeMachine();
console.log(
  `${machine.cpu}, ${machine.cores} cores; ${machine.isa}, ${threads} threads; Node ${machine.node}`,
);
const warning = notIdle(machine);
if (warning !== null) console.warn(`warning: ${warning}`);

resetPeak();
const idleMb = residentMb('VmRSS');
const ours = new TrainingStep(batch);
const gigaflops = ours.flops / 1e9;
const peer = options['no-peer'] ? null : await startPeer();
const runPeer = async (count: number): Promise<Run> => {
  const { ms, loss } = await peer!.ask({ command: 'run', steps: count });
  return { ms: Number(ms), loss: Number(loss) };
};

const peerUsage = async (): Promise<{ peakMb: number; cpuMs: number }> => {
  const usage = await peer?.ask({ command: 'usage' });
  return { peakMb: Number(usage?.peak_mb), cpuMs: Number(usage?.cpu_ms ?? 0) };
};

// The first steps also warm both sides up.
for (let step = 1; step <= comparedSteps; step++) {
  const { loss } = await ours.run(1);
  if (peer === null) continue;
  const { loss: wanted } = await runPeer(1);
  if (!(Math.abs(loss - wanted) <= lossTolerance * Math.abs(wanted))) {
    throw new Error(
      `The loss of step ${step} is ${loss}, the peer's ${wanted}: they do not do the same work.`,
    );
  }
  console.log(`loss of step ${step}: ${loss.toFixed(6)}, peer ${wanted.toFixed(6)}`);
}

const { cpuMs: peerCpuBefore } = await peerUsage();
const othersShare = watchOthers();
const oursMs: number[] = [];
const peerMs: number[] = [];
for (let round = 0; round < rounds; round++) {
  const turns = [async () => oursMs.push((await ours.run(steps)).ms / steps)];
  if (peer !== null) turns.push(async () => peerMs.push((await runPeer(steps)).ms / steps));
  if (round % 2 === 1) turns.reverse();
  for (const turn of turns) {
    await sleep(pause);
    await turn();
  }
}
const oursPeakMb = residentMb('VmHWM') - idleMb;
const { peakMb: peerPeakMb, cpuMs: peerCpuAfter } = await peerUsage();
const others = othersShare(peerCpuAfter - peerCpuBefore);
peer?.close();

const time = spread(oursMs);
const peerTime = peer === null ? null : spread(peerMs);
const ratio = peer === null ? null : spread(oursMs.map((ms, round) => ms / peerMs[round]!));
const row = (name: string, ms: Spread, peakMb: number): string =>
  `${name.padEnd(34)} ${ms.median.toFixed(1).padStart(7)} ms  (${ms.low.toFixed(1)} to ${ms.high.toFixed(1)})  ` +
  `${((1000 * gigaflops) / ms.median).toFixed(1).padStart(6)} GFLOP/s  ${peakMb.toFixed(0).padStart(5)} MiB`;
console.log(
  `\nResNet-20 training step, batch ${batch}: ${gigaflops.toFixed(2)} GFLOP; ${rounds} rounds of ${steps} steps`,
);
console.log('                                     median    (quartiles)                        peak memory');
console.log(row('lapidary', time, oursPeakMb));
if (peer !== null) {
  console.log(row(`PyTorch ${peer.hello.torch} ${peer.hello.layout}`, peerTime!, peerPeakMb));
  console.log(
    `ratio lapidary / PyTorch: ${ratio!.median.toFixed(3)}  (${ratio!.low.toFixed(3)} to ${ratio!.high.toFixed(3)}; below 1: lapidary is faster)`,
  );
}

console.log(`other processes took ${(100 * others).toFixed(1)} % of the cores meanwhile`);
if (others > 0.03) console.warn('warning: that is too much: measure again on an idle machine.');

if (options.profile) console.log(`\n${profileTable(await profileKernels(batch, threads, steps))}`);

if (options.json) {
  const name = `resnet20-train-step-${batch}`;
  const workload = {
    name,
    ours_ms: time.median,
    peer_ms: peerTime?.median ?? null,
    ratio: ratio?.median ?? null,
    ratio_quartiles: ratio === null ? null : [ratio.low, ratio.high],
    gflop: gigaflops,
    ours_peak_mb: oursPeakMb,
    peer_peak_mb: peer === null ? null : peerPeakMb,
  };
  const peerInfo = peer === null ? null : { ...peer.hello, tuned_malloc: options['tuned-malloc'] };
  console.log(JSON.stringify({ machine: { ...machine, others }, peer: peerInfo, workloads: [workload] }));
}

/** Starts the peer from our weights and batch. */
async function startPeer(): Promise<Peer> {
  if (options.layout !== 'channels_last' && options.layout !== 'contiguous') {
    throw new RangeError(`Expected channels_last or contiguous for --layout, got '${options.layout}'.`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'lapidary-bench-'));
  try {
    const file = join(folder, 'start.safetensors');
    await writeSafetensors(file, await ours.state());
    const script = fileURLToPath(new URL('./peers/resnet20.py', import.meta.url));
    const flags = { layout: options.layout, threads, rate, momentum };
    const peerArguments = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    return await Peer.start(script, [file, ...peerArguments], { tunedMalloc: options['tuned-malloc'] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
