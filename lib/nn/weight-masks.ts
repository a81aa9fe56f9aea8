/** Which weights of a model are pruned one by one, wherever they are. */

import type { HostTensor } from '../io/host-tensor.js';
import { tensor } from '../ops/create.js';
import { assign } from '../ops/layout.js';
import { noGrad, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import type { Parameter } from './parameter.js';
import { StateBuffer } from './parameter.js';
import { loadState, type StateSource } from './state-dict.js';

/** How much of one parameter, or of all together, is pruned. */
export interface Sparsity {
  readonly weights: number;
  readonly pruned: number;
}

/**
 * A mask for each pruned parameter, by its name and in its shape, u8: 1 kept, 0 pruned. Give them to an optimiser and
 * pruned weights stay exactly 0. They own their memory.
 */
export class WeightMasks implements Disposable {
  /** By the name of the parameter. */
  readonly tensors: ReadonlyMap<string, StateBuffer<'u8'>>;

  /** Takes the tensors over: they count as disposed afterwards. */
  constructor(masks: Iterable<readonly [name: string, mask: Tensor<'u8'>]>) {
    this.tensors = new Map(Array.from(masks, ([name, mask]) => [name, new StateBuffer(mask)] as const));
  }

  /** Masks as files hold them. @throws DTypeError when one is not u8 */
  static from(masks: ReadonlyMap<string, HostTensor>): WeightMasks {
    return new WeightMasks(
      Array.from(masks, ([name, { data, shape }]) => {
        return [name, tensor(data as Uint8Array, shape, { dtype: 'u8' })] as const;
      }),
    );
  }

  /** Sets the pruned weights of these parameters to exactly 0. Those without a mask stay as they are. */
  apply(parameters: Iterable<readonly [name: string, parameter: Parameter]>): void {
    noGrad(() =>
      scope(() => {
        for (const [name, parameter] of parameters) {
          const mask = this.tensors.get(name);
          // The sum turns -0 into 0.
          if (mask !== undefined) assign(parameter, parameter.mul(mask.cast('f32')).add(0));
        }
      }),
    );
  }

  /** Counts by parameter. */
  async sparsity(): Promise<Map<string, Sparsity>> {
    const entries = [...this.tensors].map(async ([name, mask]) => {
      const pruned = (await mask.data()).reduce((sum, kept) => sum + (kept === 0 ? 1 : 0), 0);
      return [name, { weights: mask.size, pruned }] as const;
    });
    return new Map(await Promise.all(entries));
  }

  /** Copies in the host's memory. */
  async hostState(): Promise<Map<string, HostTensor>> {
    const entries = [...this.tensors].map(async ([name, mask]): Promise<[string, HostTensor]> => {
      return [name, { dtype: 'u8', shape: [...mask.shape], data: await mask.data() }];
    });
    return new Map(await Promise.all(entries));
  }

  /** Overwrites all masks. @throws ArgumentError, ShapeError, DTypeError when they are those of other parameters */
  loadState(state: StateSource): void {
    loadState(this.tensors, state, 'WeightMasks');
  }

  dispose(): void {
    for (const mask of this.tensors.values()) mask.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
