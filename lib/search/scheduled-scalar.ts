/** A scheduled number on the device. */

import { StateBuffer } from '../nn/parameter.js';
import { zeros } from '../ops/create.js';
import type { Tensor } from '../tensor.js';
import type { Pass } from './pass.js';
import { type ScheduledValue, valueAt } from './scheduled-value.js';

/** Written before a pass, so that a step which was recorded reads the number of its own epoch. */
export class ScheduledScalar implements Disposable {
  readonly #value: ScheduledValue;
  readonly #tensor = new StateBuffer(zeros([1]));

  constructor(value: ScheduledValue) {
    this.#value = value;
  }

  /** [1] */
  get tensor(): Tensor {
    return this.#tensor;
  }

  draw({ epoch, epochs }: Pick<Pass, 'epoch' | 'epochs'>): void {
    this.#tensor.write(Float32Array.of(valueAt(this.#value, epoch, epochs)));
  }

  [Symbol.dispose](): void {
    this.#tensor.dispose();
  }
}
