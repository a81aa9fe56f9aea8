/** What a regulariser is: a term of the architecture's loss. One file each beside this. */

import type { Tensor } from '../../tensor.js';
import type { Architecture } from '../architecture.js';
import type { Drawing } from '../pass.js';
import type { Mixture } from '../supernet.js';

export interface Regularizer extends Drawing, Disposable {
  /** Its term, a scalar, differentiable in the architecture's parameters. Only the device's work. */
  term(mixture: Mixture): Tensor;
}

/** What a regulariser is made from. */
export interface RegularizerContext {
  readonly architecture: Architecture;
}
