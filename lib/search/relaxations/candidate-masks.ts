/** Softmaxes over a part of each edge's candidates. */

import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { add, mul } from '../../ops/elementwise.js';
import { softmax } from '../../ops/softmax.js';
import type { Tensor } from '../../tensor.js';

/** Takes a candidate out of a softmax: e^x of it is 0 in f32, whatever the alphas. */
const EXCLUDED = -1e30;

/** [edges, candidates]: which candidates of each edge are of one part. */
export class CandidatePart implements Disposable {
  readonly #included: StateBuffer;
  readonly #excluded: StateBuffer;

  constructor(candidates: readonly (readonly string[])[], isOfPart: (candidate: string) => boolean) {
    const shape = [candidates.length, candidates[0]!.length];
    const included = Float32Array.from(candidates.flat(), (name) => Number(isOfPart(name)));
    this.#included = new StateBuffer(zeros(shape));
    this.#excluded = new StateBuffer(zeros(shape));
    this.#included.write(included);
    this.#excluded.write(included.map((member) => (member === 1 ? 0 : EXCLUDED)));
  }

  /** The softmax over the candidates of the part, 0 for all others; all 0 for an edge that has none of them. */
  softmax(alphas: Tensor): Tensor {
    return mul(softmax(add(alphas, this.#excluded)), this.#included);
  }

  [Symbol.dispose](): void {
    this.#included.dispose();
    this.#excluded.dispose();
  }
}
