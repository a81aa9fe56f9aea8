/** The result of a convolution whose batch normalisation may still be pending. */

import type { Handle } from '../native.js';
import { addon } from '../native-addon.js';
import { handleOf, native, type Owner, Resource } from '../resource.js';
import { currentOwner } from '../scope.js';
import type { Shape } from '../shape.js';
import { type Tensor, wrap } from '../tensor.js';
import { Op } from './call.js';

const normalizeOp = new Op('normalize', '', '', 'x');

/** Makes the `Normed` of a handle that the addon has just returned, in the current scope. */
export let wrapNormed: (handle: Handle) => Normed;

/**
 * What a convolution followed by a batch normalisation gives. In training it is the raw convolution output together with
 * the scale, shift and ReLU that are yet to be applied: the next convolution or residual sum does so while it reads, and
 * the normalised tensor is never stored, unless by `tensor()`. In evaluation the convolution has stored it already.
 */
export class Normed extends Resource {
  #shape: Shape | null = null;

  /** @internal */
  private constructor(handle: Handle, owner: Owner | null) {
    super(handle, owner);
  }

  static {
    wrapNormed = (handle) => new Normed(handle, currentOwner());
  }

  /** [N, H, W, C]. */
  get shape(): Shape {
    this.#shape ??= Object.freeze(native(() => addon.info(handleOf(this)).shape));
    return this.#shape;
  }

  /** The normalised (and rectified) tensor: one pass over memory where the normalisation is pending, else none. */
  tensor(): Tensor {
    normalizeOp.inputs[0] = handleOf(this);
    return wrap(normalizeOp.run(), 'f32');
  }

  /** Prints the shape and whether the normalisation is pending. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    if (this.disposed) return 'Normed (disposed)';
    const { normed } = native(() => addon.info(handleOf(this)));
    return `Normed f32[${this.shape.join(', ')}] on cpu${normed ? ', pending' : ''}`;
  }
}
