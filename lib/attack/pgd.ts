/** Projected gradient descent in the l-infinity or l_2 ball (Madry et al., arXiv 1706.06083). */

import { ArgumentError } from '../errors.js';
import type { Module } from '../nn/module.js';
import { tensor } from '../ops/create.js';
import { crossEntropy } from '../ops/cross-entropy.js';
import { type BallNorm, pgdStart } from '../ops/pgd.js';
import { noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { type Attack, type LabelledImages, normSuffix, requireCount, requireEpsilon } from './attack.js';
import { inEvaluationMode } from './network-mode.js';
import { projectedAscent } from './projected-ascent.js';

export interface PgdOptions {
  /** Radius of the ball, in units of pixels in [0, 1]; at most 1 for l-infinity. */
  readonly epsilon: number;
  /** Size of one step. Default: epsilon / 4. */
  readonly stepSize?: number;
  /** Default 10. */
  readonly steps?: number;
  /** Independent random starts, of which the worst counts for each image. Default 1. */
  readonly restarts?: number;
  /** Begin at a uniformly random point of the ball. Default true; more than one restart needs it. */
  readonly randomStart?: boolean;
  /** Of the ball, the random start and the steps. Default `linf`. */
  readonly norm?: BallNorm;
  /** Default 0. */
  readonly seed?: number;
  /** Tells this use of random numbers from others under one seed: 0 to 65,535. Default 0. */
  readonly site?: number;
}

type Settings = Required<PgdOptions>;

/** Sites of successive restarts lie so far apart. */
const MAX_RESTARTS = 65_536;
/** Greater than any loss that f32 logits of a network in use come to. */
const ERROR_BONUS = 1e6;

/**
 * Adversarial images from `restarts` runs of `steps` steps up the cross-entropy. With several restarts each image comes
 * from its worst one: one that fools the network before one that does not, then the one of higher loss.
 *
 * The random start of an image depends on seed, site, restart, the step of `device().stepBlock` and its global index.
 *
 * @param images f32 [N, H, W, C] in [0, 1]
 * @param labels i32 [N]
 * @param index global indices i32 [N]; default 0 .. N-1
 * @returns f32 [N, H, W, C] within epsilon of `images` and in [0, 1], off the tape
 * @throws ArgumentError when a setting is out of range
 */
export async function pgd(
  model: Module,
  images: Tensor,
  labels: Tensor<'i32'>,
  options: PgdOptions & { readonly index?: Tensor<'i32'> },
): Promise<Tensor> {
  const settings = checked(options);
  const given = options.index;
  return scope(async () => {
    const index = given ?? tensor(Int32Array.from({ length: images.shape[0] ?? 0 }, (_, i) => i));
    const batch = { images, labels, index };
    return inEvaluationMode(model, async () => {
      let worst = await attempt(model, batch, 0, settings);
      if (settings.restarts === 1) return worst;
      let worstScore = harm(model, worst, labels);
      for (let restart = 1; restart < settings.restarts; restart++) {
        const candidate = await attempt(model, batch, restart, settings);
        const score = harm(model, candidate, labels);
        const merged = scope(() => {
          const take = score.greater(worstScore);
          const takeImage = take.reshape([take.size, 1, 1, 1]);
          return { images: choose(takeImage, candidate, worst), score: choose(take, score, worstScore) };
        });
        for (const old of [worst, worstScore, candidate, score]) old.dispose();
        ({ images: worst, score: worstScore } = merged);
      }
      return worst;
    });
  });
}

/** PGD as an attack to evaluate with: an image is safe when it withstands every restart. */
export function pgdAttack(options: PgdOptions): Attack {
  const settings = checked(options);
  const restarts = settings.restarts > 1 ? `x${settings.restarts}` : '';
  return {
    name: `PGD-${settings.steps}${restarts}${normSuffix(settings.norm)}`,
    restarts: settings.restarts,
    attempt: (model, batch, restart) =>
      inEvaluationMode(model, () => attempt(model, batch, restart, settings)),
  };
}

async function attempt(
  model: Module,
  { images, labels, index }: LabelledImages,
  restart: number,
  { epsilon, norm, stepSize, steps, randomStart, seed, site }: Settings,
): Promise<Tensor> {
  const start = randomStart
    ? pgdStart(images, index, { epsilon, norm, seed, site: site * MAX_RESTARTS + restart })
    : images;
  const adversarial = await projectedAscent(model, {
    images,
    start,
    // The sum, not the mean: a sample's gradient then does not depend on the size of its batch.
    loss: (logits) => crossEntropy(logits, labels, { reduction: 'none' }).sum(),
    epsilon,
    norm,
    stepSize,
    steps,
  });
  if (start !== images) start.dispose();
  return adversarial;
}

/** How bad adversarial images are for the network, [N]: the loss, and much more when the class is wrong. */
function harm(model: Module, images: Tensor, labels: Tensor<'i32'>): Tensor {
  return noGrad(() =>
    scope(() => {
      const logits = model.forward(images);
      const right = logits.argMax().cast('f32').equal(labels.cast('f32'));
      return crossEntropy(logits, labels, { reduction: 'none' }).add(right.affine(-ERROR_BONUS, ERROR_BONUS));
    }),
  );
}

/** a where `mask` is 1 and b where it is 0, exactly. */
function choose(mask: Tensor, a: Tensor, b: Tensor): Tensor {
  return a.mul(mask).add(b.mul(mask.affine(-1, 1)));
}

function checked(options: PgdOptions): Settings {
  const { epsilon, stepSize = epsilon / 4, steps = 10, restarts = 1, randomStart = true } = options;
  const { seed = 0, site = 0, norm = 'linf' } = options;
  requireEpsilon(epsilon, norm);
  requireCount('steps', steps);
  requireCount('restarts', restarts);
  if (!Number.isFinite(stepSize) || stepSize < 0) {
    throw new ArgumentError(`Expected a stepSize of at least 0, got ${stepSize}.`);
  }
  if (restarts > 1 && !randomStart) {
    throw new ArgumentError(
      `Expected a random start for ${restarts} restarts, as they would all be the same; set randomStart or restarts: 1.`,
    );
  }
  if (!Number.isInteger(site) || site < 0 || site > 0xffff) {
    throw new ArgumentError(`Expected site to be a whole number from 0 to 65535, got ${site}.`);
  }
  return { epsilon, stepSize, steps, restarts, randomStart, seed, site, norm };
}
