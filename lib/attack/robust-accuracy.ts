/** How often a network is right, on images as they are and under attack. */

import { device } from '../device.js';
import { ArgumentError } from '../errors.js';
import type { Module } from '../nn/module.js';
import { tensor } from '../ops/create.js';
import { noGrad, scope } from '../scope.js';
import type { StopSignal } from '../signals.js';
import type { Attack, LabelledImages } from './attack.js';
import { inEvaluationMode } from './network-mode.js';

/** Accuracies in [0, 1] on one set of images. */
export interface Robustness {
  /** How many images were looked at. */
  readonly images: number;
  readonly clean: number;
  /** By the attack's name: the share of images that are right as they are and after every restart of that attack. */
  readonly underAttack: Readonly<Record<string, number>>;
}

export interface EvaluationOptions {
  readonly signal?: StopSignal;
  /** Called after each batch with its size. */
  readonly onBatch?: (images: number) => void;
}

/**
 * Clean accuracy, and accuracy under each attack, in one pass over the images, in evaluation mode.
 *
 * An attack spends its time only on images that the network still gets right: those that are wrong as they are count
 * as wrong (they are points of the ball, too), and a restart takes only what withstood the ones before. Random starts are
 * drawn for step 0 of `device().stepBlock`, which is left there: so the result is a function of weights and images.
 *
 * @throws ArgumentError when there are no images; the reason of `signal`, once it is aborted
 */
export async function evaluateRobustness(
  model: Module,
  batches: AsyncIterable<LabelledImages>,
  attacks: readonly Attack[] = [],
  { signal, onBatch }: EvaluationOptions = {},
): Promise<Robustness> {
  let images = 0;
  let clean = 0;
  const withstood = attacks.map(() => 0);
  await inEvaluationMode(model, async () => {
    device().stepBlock.manualStep(0);
    for await (const batch of batches) {
      signal?.throwIfAborted();
      const counts = await scope(async () => {
        const right = await stillRight(model, batch);
        const perAttack: number[] = [];
        for (const attack of attacks) perAttack.push((await survivors(model, attack, batch, right)).length);
        return { right: right.length, perAttack };
      });
      const size = batch.labels.size;
      images += size;
      clean += counts.right;
      for (const [a, count] of counts.perAttack.entries()) withstood[a]! += count;
      onBatch?.(size);
    }
  });
  if (images === 0) throw new ArgumentError('Expected images to evaluate on, got none.');
  const entries = attacks.map(({ name }, a) => [name, withstood[a]! / images] as const);
  return { images, clean: clean / images, underAttack: Object.fromEntries(entries) };
}

/** The share of images, in [0, 1], that are right as they are and after every restart of the attack. */
export async function robustAccuracy(
  model: Module,
  batches: AsyncIterable<LabelledImages>,
  attack: Attack,
  options: EvaluationOptions = {},
): Promise<number> {
  const { underAttack } = await evaluateRobustness(model, batches, [attack], options);
  return underAttack[attack.name]!;
}

async function survivors(
  model: Module,
  attack: Attack,
  batch: LabelledImages,
  right: readonly number[],
): Promise<readonly number[]> {
  let standing = right;
  for (let restart = 0; restart < attack.restarts && standing.length > 0; restart++) {
    const places: readonly number[] = standing;
    standing = await scope(async () => {
      const rows = tensor(paddedRows(places));
      const part = {
        images: batch.images.gather(rows),
        labels: batch.labels.gather(rows),
        index: batch.index.gather(rows),
      };
      const images = await attack.attempt(model, part, restart);
      const withstood = await stillRight(model, { ...part, images });
      return withstood.filter((row) => row < places.length).map((row) => places[row]!);
    });
  }
  return standing;
}

/** Few different sizes of batches: each size has buffers of its own, which would pile up. */
const ROW_GROUP = 50;

/** Rows to attack: the given places, and the first one again until the number is a multiple of `ROW_GROUP`. */
function paddedRows(places: readonly number[]): Int32Array {
  const rows = new Int32Array(Math.ceil(places.length / ROW_GROUP) * ROW_GROUP).fill(places[0]!);
  rows.set(places);
  return rows;
}

/** Places in the batch that the network classifies rightly. */
async function stillRight(model: Module, { images, labels }: LabelledImages): Promise<number[]> {
  const [predicted, expected] = await noGrad(() =>
    scope(() => Promise.all([model.forward(images).argMax().data(), labels.data()])),
  );
  return Array.from(expected.keys()).filter((place) => predicted[place] === expected[place]);
}
