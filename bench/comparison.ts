/** One workload beside its peer, alternately in one run. */

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { device, emptyMemoryCache } from '../lib/device.js';
import { readSafetensors } from '../lib/io/safetensors.js';
import { requireAgreement } from './agreement.js';
import { collectGarbage, resetPeak, residentMb, watchOthers } from './machine.js';
import { Peer, type PeerOptions } from './peer.js';
import { type Spread, spread } from './statistics.js';
import { stepProfile } from './step-profile.js';
import { runSteps, type Work, type Workload } from './workloads/workload.js';

/** So many steps are compared one by one; they also warm both sides up. */
const comparedSteps = 3;

export interface ComparisonOptions {
  readonly rounds: number;
  /** In a round; default: the workload's. */
  readonly steps?: number;
  /** Default: the workload's. */
  readonly batch?: number;
  readonly threads: number;
  /** Milliseconds before each side's turn. */
  readonly pause: number;
  /** null: lapidary alone. */
  readonly peer: PeerOptions | null;
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
  /** The largest distance of each output, over the steps that were compared. */
  readonly distances: Readonly<Record<string, number>>;
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
  collectGarbage();
  const idleMb = residentMb('VmRSS');
  const work = await workload.create(batch);
  const folder = await mkdtemp(join(tmpdir(), 'lapidary-bench-'));
  let peer: Peer | null = null;
  try {
    if (options.peer !== null) peer = await Peer.start(workload, work, folder, options.peer);
    // What making the model and handing its weights over took is no part of a step.
    await device().synchronize();
    emptyMemoryCache();
    collectGarbage();
    resetPeak();
    const distances = await comparedWarmUp(workload, work, peer, join(folder, 'outputs.safetensors'));

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
      distances: Object.fromEntries(distances),
      others,
      profile: options.profile ? await stepProfile(work, steps) : null,
    };
  } finally {
    peer?.close();
    rmSync(folder, { recursive: true });
  }
}

async function comparedWarmUp(
  { tolerances }: Workload,
  work: Work,
  peer: Peer | null,
  file: string,
): Promise<Map<string, number>> {
  const largest = new Map<string, number>();
  for (let step = 0; step < comparedSteps; step++) {
    const { outputs } = await runSteps(work, 1);
    if (peer === null) continue;
    await peer.run(1, file);
    const { tensors } = await readSafetensors(file);
    for (const [name, distance] of requireAgreement(outputs, tensors, tolerances)) {
      largest.set(name, Math.max(distance, largest.get(name) ?? 0));
    }
  }
  return largest;
}
