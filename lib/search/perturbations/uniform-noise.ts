/** What perturbations share: a radius and uniform noise that lie on the device and change with each pass. */

import { StateBuffer } from '../../nn/parameter.js';
import { zeros } from '../../ops/create.js';
import type { Tensor } from '../../tensor.js';
import { uniforms } from '../host-draws.js';
import { DRAWING_PARTS, type Pass, passStream } from '../pass.js';
import { ScheduledScalar } from '../scheduled-scalar.js';
import type { ScheduledValue } from '../scheduled-value.js';
import type { PerturbationContext } from './perturbation.js';

export class UniformNoise implements Disposable {
  readonly #seed: number;
  readonly #radius: ScheduledScalar;
  readonly #noise: ReadonlyMap<string, StateBuffer>;

  constructor({ seed, shapes }: PerturbationContext, radius: ScheduledValue) {
    this.#seed = seed;
    this.#radius = new ScheduledScalar(radius);
    this.#noise = new Map([...shapes].map(([name, shape]) => [name, new StateBuffer(zeros(shape))]));
  }

  /** [1]: the radius of the pass that was drawn for last. */
  get radius(): Tensor {
    return this.#radius.tensor;
  }

  draw(pass: Pass): void {
    this.#radius.draw(pass);
    const total = [...this.#noise.values()].reduce((count, { size }) => count + size, 0);
    const drawn = uniforms(total, this.#seed, passStream(DRAWING_PARTS.perturbation, pass));
    let start = 0;
    for (const buffer of this.#noise.values()) {
      buffer.write(Float32Array.from(drawn.subarray(start, start + buffer.size), (u) => 2 * u - 1));
      start += buffer.size;
    }
  }

  /** [edges, candidates] of a group: uniform within the radius. */
  of(group: string): Tensor {
    return this.#noise.get(group)!.mul(this.radius);
  }

  [Symbol.dispose](): void {
    this.#radius[Symbol.dispose]();
    for (const buffer of this.#noise.values()) buffer.dispose();
  }
}
