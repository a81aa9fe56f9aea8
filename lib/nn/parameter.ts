/** The tensors that a module owns. */

import type { DType } from '../dtype.js';
import type { Handle } from '../native.js';
import { takeHandle } from '../resource.js';
import { noGrad } from '../scope.js';
import { Tensor } from '../tensor.js';

/** Takes over a tensor's memory, off the tape. */
function taken(tensor: Tensor<DType>): Handle {
  const leaf = noGrad(() => tensor.detach());
  tensor.dispose();
  return takeHandle(leaf);
}

/** A tensor that is trained. A module's fields of this class are its parameters; no scope releases them. */
export class Parameter extends Tensor {
  /** Takes the tensor over: `values` counts as disposed afterwards. */
  constructor(values: Tensor) {
    super(taken(values), 'f32', null);
    this.requiresGrad = true;
  }
}

/** A tensor that is saved with a module but not trained, such as running statistics; no scope releases it. */
export class StateBuffer<D extends DType = 'f32'> extends Tensor<D> {
  /** Takes the tensor over: `values` counts as disposed afterwards. */
  constructor(values: Tensor<D>) {
    super(taken(values), values.dtype, null);
  }
}
