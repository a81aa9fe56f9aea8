/** What the pruning workflow comes to. */

import { stat } from 'node:fs/promises';

import { fgsmAttack } from '../attack/fgsm.js';
import { pgdAttack } from '../attack/pgd.js';
import { evaluateRobustness } from '../attack/robust-accuracy.js';
import { FileSystemError } from '../errors.js';
import { complexity } from '../nn/complexity.js';
import type { SpecModel } from '../nn/models/index.js';
import type { StopSignal } from '../signals.js';
import { evaluationBatches, type TrainingData } from '../train/data-recipe.js';
import { loadModel } from '../train/model-file.js';
import type { ProgressSink } from '../train/progress-sink.js';
import type { PruneConfig } from './config.js';
import { measureLatencies } from './latency.js';

/** One network on the test images. Accuracies in [0, 1]. */
export interface NetworkResult {
  /** As in `dense`, `l2-rank pruned`, `l2-rank fine-tuned`. */
  readonly name: string;
  readonly clean: number;
  readonly fgsm: number;
  readonly pgd: number;
  readonly parameters: number;
  /** Parameters that are not 0. */
  readonly nonzero: number;
  /** For one image. */
  readonly macs: number;
  /** Median milliseconds of a forward pass over one image. */
  readonly latency: number;
  /** Median milliseconds of a forward pass over 128 images. */
  readonly latency128: number;
  /** Size of the model's file. */
  readonly bytes: number;
}

/** A network to look at: its name in the table, and its file. */
export interface NetworkFile {
  readonly name: string;
  readonly path: string;
}

/**
 * Evaluates networks on the test images, which are read here for the only time, and measures their speed.
 *
 * @returns a result for each network, and how many test images there were
 * @throws the reason of `signal`, once it is aborted
 */
export async function evaluateNetworks(
  files: readonly NetworkFile[],
  data: TrainingData,
  config: PruneConfig,
  { progress, signal }: { readonly progress: ProgressSink; readonly signal?: StopSignal },
): Promise<{ networks: NetworkResult[]; images: number }> {
  const { epsilon, steps, restarts, latencyRounds } = config.evaluation;
  const pgd = pgdAttack({ epsilon, steps, restarts, seed: config.seed });
  const attacks = [fgsmAttack({ epsilon }), pgd];
  const { set, indices } = await data.readTest();
  try {
    progress.stage('evaluate', { total: indices.length * files.length, unit: 'images' });
    const networks: Omit<NetworkResult, 'latency' | 'latency128'>[] = [];
    for (const { name, path } of files) {
      using model = await loadModel(path);
      const robustness = await evaluateRobustness(model, evaluationBatches(set, indices), attacks, {
        ...(signal === undefined ? {} : { signal }),
        onBatch: (images) => progress.advance(images, name),
      });
      const { parameters, macs } = complexity(model, data.imageShape);
      const { size } = await FileSystemError.during('look at', path, () => stat(path));
      networks.push({
        name,
        clean: robustness.clean,
        fgsm: robustness.underAttack.FGSM!,
        pgd: robustness.underAttack[pgd.name]!,
        parameters,
        nonzero: await countNonzero(model),
        macs,
        bytes: size,
      });
    }
    const [single, batched] = await latencies(files, data.imageShape, latencyRounds);
    return {
      networks: networks.map((network, i) => ({ ...network, latency: single[i]!, latency128: batched[i]! })),
      images: indices.length,
    };
  } finally {
    set.dispose();
  }
}

async function countNonzero(model: SpecModel): Promise<number> {
  let count = 0;
  for (const parameter of model.parameters()) {
    for (const value of await parameter.data()) if (value !== 0) count++;
  }
  return count;
}

/** Milliseconds of a pass over one image and over 128, for each network. */
async function latencies(
  files: readonly NetworkFile[],
  inputShape: readonly number[],
  rounds: number,
): Promise<[single: number[], batched: number[]]> {
  const models = await Promise.all(files.map(({ path }) => loadModel(path)));
  try {
    return [
      await measureLatencies(models, inputShape, { batch: 1, rounds }),
      await measureLatencies(models, inputShape, { batch: 128, rounds }),
    ];
  } finally {
    for (const model of models) model.dispose();
  }
}

/**
 * The measures and timings of `result.json`, by the network's name and the field's, as in `dense.pgd` or
 * `l2-rank fine-tuned.latency`.
 */
export function measuresOf(networks: readonly NetworkResult[]): {
  measures: Record<string, number>;
  timings: Record<string, number>;
} {
  const measures: Record<string, number> = {};
  const timings: Record<string, number> = {};
  for (const { name, latency, latency128, ...rest } of networks) {
    for (const [field, value] of Object.entries(rest)) measures[`${name}.${field}`] = value;
    timings[`${name}.latency`] = latency;
    timings[`${name}.latency128`] = latency128;
  }
  return { measures, timings };
}
