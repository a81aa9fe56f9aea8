/** One workload beside its peer, alternately in one run. */

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { device, emptyMemoryCache, type Precision } from '../lib/device.js';
import type { HostTensor } from '../lib/io/host-tensor.js';
import { readSafetensors } from '../lib/io/safetensors.js';
import { type Arbitration, arbitrate, requireAgreement } from './agreement.js';
import { collectGarbage, resetPeak, residentMb, watchOthers } from './machine.js';
import { Peer, type PeerOptions } from './peer.js';
import { type Spread, spread } from './statistics.js';
import { stepProfile } from './step-profile.js';
import { probed, runSteps, type Tolerances, type Work, type Workload } from './workloads/workload.js';

/** So many steps are compared one by one; they also warm both sides up. */
const comparedSteps = 3;

export interface ComparisonOptions {
  readonly rounds: number;
  /** In a round; default: the workload's. */
  readonly steps?: number;
  /** Default: the workload's. */
  readonly batch?: number;
  readonly threads: number;
  /** Draws weights and inputs. */
  readonly seed: number;
  /** Ours; the peer has no such choice. */
  readonly precision: Precision;
  /** Milliseconds before each side's turn. */
  readonly pause: number;
  /** null: lapidary alone. */
  readonly peer: PeerOptions | null;
  /** Whether PyTorch in float64 takes the compared steps, too, and says who is how far off. */
  readonly arbiter: boolean;
  readonly profile: boolean;
}

/** A measured workload. Times are those of a step. */
export interface Comparison {
  readonly name: string;
  readonly batch: number;
  readonly rounds: number;
  readonly steps: number;
  readonly gflop: number;
  readonly ours: Side;
  /** Milliseconds in which JavaScript enqueues a step, while the device works. */
  readonly enqueueMs: number;
  readonly peer: (Side & { readonly hello: Readonly<Record<string, unknown>> }) | null;
  /** Of rounds that lie side by side: the peer's time / ours; above 1, lapidary is faster. Empty without a peer. */
  readonly ratios: readonly number[];
  /** Of each output from the peer's, in the first step, the second, ... */
  readonly distances: Readonly<Record<string, readonly number[]>>;
  /** The same for both from float64; empty without an arbiter. */
  readonly arbitrations: Readonly<Record<string, readonly Arbitration[]>>;
  /** Share of the cores that other processes took meanwhile. */
  readonly others: number;
  /** Where the time goes, as text. */
  readonly profile: string | null;
}

export interface Side {
  readonly ms: Spread;
  /** Most resident memory, with weights and inputs, above that of the process before it had them. */
  readonly peakMb: number;
}

/** Compares outputs, then times. Throws when the outputs disagree. */
export async function compare(workload: Workload, options: ComparisonOptions): Promise<Comparison> {
  const { rounds, steps = workload.steps, batch = workload.batch, pause } = options;
  device().setThreads(options.threads);
  device().setPrecision(options.precision);
  collectGarbage();
  const idleMb = residentMb('VmRSS');
  const work = await workload.create(batch, options.seed);
  const folder = await mkdtemp(join(tmpdir(), 'lapidary-bench-'));
  let peer: Peer | null = null;
  let arbiter: Peer | null = null;
  try {
    if (options.peer !== null) {
      peer = await Peer.start(workload, work, folder, options.peer);
      if (options.arbiter) arbiter = await Peer.start(workload, work, folder, arbiterBeside(options.peer));
    }
    // What making the model and handing its weights over took is no part of a step.
    await device().synchronize();
    emptyMemoryCache();
    collectGarbage();
    resetPeak();
    const compared = await comparedWarmUp(workload, work, peer, arbiter, join(folder, 'outputs.safetensors'));
    arbiter?.close();

    const peerCpuBefore = (await peer?.usage())?.cpuMs ?? 0;
    const othersShare = watchOthers();
    const oursMs: number[] = [];
    const enqueueMs: number[] = [];
    const peerMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const turns = [
        async () => {
          const run = await runSteps(work, steps);
          oursMs.push(run.ms / steps);
          enqueueMs.push(run.enqueueMs / steps);
        },
      ];
      if (peer !== null) turns.push(async () => void peerMs.push((await peer!.run(steps)) / steps));
      if (round % 2 === 1) turns.reverse();
      for (const turn of turns) {
        await sleep(pause);
        await turn();
      }
    }
    const oursPeakMb = residentMb('VmHWM') - idleMb;
    const peerUsage = await peer?.usage();
    const others = othersShare((peerUsage?.cpuMs ?? 0) - peerCpuBefore);
    return {
      name: workload.name,
      batch,
      rounds,
      steps,
      gflop: work.flops / 1e9,
      ours: { ms: spread(oursMs), peakMb: oursPeakMb },
      enqueueMs: spread(enqueueMs).median,
      peer: peer && { ms: spread(peerMs), peakMb: peerUsage!.peakMb, hello: peer.hello },
      ratios: peerMs.map((ms, round) => ms / oursMs[round]!),
      ...compared,
      others,
      profile: options.profile ? await stepProfile(work, steps) : null,
    };
  } finally {
    peer?.close();
    arbiter?.close();
    rmSync(folder, { recursive: true });
  }
}

/** Runs the first steps and, where there is a peer, compares them. */
async function comparedWarmUp(
  { tolerances }: Workload,
  work: Work,
  peer: Peer | null,
  arbiter: Peer | null,
  file: string,
): Promise<Pick<Comparison, 'distances' | 'arbitrations'>> {
  const distances: Record<string, number[]> = {};
  const arbitrations: Record<string, Arbitration[]> = {};
  const judge = async (
    step: number,
    ours: ReadonlyMap<string, HostTensor>,
    ask: (side: Peer) => Promise<unknown>,
  ) => {
    if (peer === null || ours.size === 0) return;
    const limits = limitsOf(tolerances, step);
    const outputsOf = async (side: Peer) => {
      await ask(side);
      return (await readSafetensors(file)).tensors;
    };
    const theirs = await outputsOf(peer);
    if (arbiter !== null) {
      const float64 = await outputsOf(arbiter);
      for (const [name, one] of arbitrate(ours, theirs, float64, limits)) {
        arbitrations[name] = [...(arbitrations[name] ?? []), one];
      }
    }
    for (const [name, distance] of requireAgreement(ours, theirs, limits)) {
      distances[name] = [...(distances[name] ?? []), distance];
    }
  };
  await judge(0, await probed(work), (side) => side.probe(file));
  for (let step = 0; step < comparedSteps; step++) {
    const { outputs } = await runSteps(work, 1);
    await judge(step, outputs, (side) => side.run(1, file));
  }
  return { distances, arbitrations };
}

function limitsOf(tolerances: Tolerances, step: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(tolerances).map(([name, limit]) => [
      name,
      typeof limit === 'number' ? limit : limit[step]!,
    ]),
  );
}

/** As the peer, but plain PyTorch in float64. */
function arbiterBeside({ threads, neededGradients }: PeerOptions): PeerOptions {
  return {
    framework: 'pytorch',
    threads,
    layout: 'contiguous',
    compile: false,
    neededGradients,
    tunedMalloc: false,
    double: true,
  };
}
