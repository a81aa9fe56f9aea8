/** What relaxations by the Gumbel trick share: noise and a temperature that lie on the device and change with each pass. */

import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import { logSoftmax, softmax } from '../../ops/softmax.js';
import type { Tensor } from '../../tensor.js';
import { gumbels } from '../host-draws.js';
import { DRAWING_PARTS, type Pass, passStream } from '../pass.js';
import { type ScheduledValue, valueAt } from '../scheduled-value.js';
import type { RelaxationContext } from './relaxation.js';

/** p = softmax((log softmax(alpha) + g) / tau), with g ~ Gumbel(0, 1) for each candidate of each edge. */
export class GumbelNoise implements Disposable {
  readonly #context: RelaxationContext;
  readonly #temperature: ScheduledValue;
  readonly #tau: StateBuffer;
  readonly #noise: ReadonlyMap<string, StateBuffer>;

  constructor(context: RelaxationContext, temperature: ScheduledValue) {
    this.#context = context;
    this.#temperature = temperature;
    this.#tau = new StateBuffer(zeros([1]));
    const groups = [...context.architecture.byGroup];
    this.#noise = new Map(groups.map(([name, { alphas }]) => [name, new StateBuffer(zeros(alphas.shape))]));
  }

  /** Draws for a pass. Returns the noise by group. */
  draw(pass: Pass): ReadonlyMap<string, Float32Array> {
    this.#tau.write(Float32Array.of(valueAt(this.#temperature, pass.epoch, pass.epochs)));
    const sizes = [...this.#noise.values()].map(({ size }) => size);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const drawn = Float32Array.from(
      gumbels(total, this.#context.seed, passStream(DRAWING_PARTS.relaxation, pass)),
    );
    let start = 0;
    return new Map(
      [...this.#noise].map(([name, buffer]) => {
        const values = drawn.slice(start, start + buffer.size);
        start += buffer.size;
        buffer.write(values);
        return [name, values];
      }),
    );
  }

  /** p of a group's alphas, differentiable. */
  sample(alphas: Tensor, group: string): Tensor {
    return softmax(logSoftmax(alphas).add(this.#noise.get(group)!).div(this.#tau));
  }

  [Symbol.dispose](): void {
    this.#tau.dispose();
    for (const buffer of this.#noise.values()) buffer.dispose();
  }
}
