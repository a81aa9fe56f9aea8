/**
 * A network as other frameworks take it: layers in order, images [N, C, H, W], filters [K, C, R, S].
 *
 * Both exporters (ONNX, PyTorch) write this graph, so what they must know of lapidary ends here.
 */

import type { Shape } from '../../shape.js';
import type { HostTensor } from '../host-tensor.js';

/** A tensor of the graph. Its name is unique among all values. */
export interface LayerValue {
  readonly name: string;
  /** The batch, where there is one, is `TRACED_BATCH`. */
  readonly shape: Shape;
  /** `input`: of the network; `state`: a named tensor of the model; `constant`: other fixed numbers; `layer`: computed. */
  readonly source: 'input' | 'state' | 'constant' | 'layer';
}

type Pair = readonly [height: number, width: number];

/** What a layer computes from its inputs, which are listed in order after each kind. */
export type LayerOperation =
  /** x [N, C, H, W], weight [K, C / groups, R, S], perhaps bias [K]. */
  | {
      readonly kind: 'convolution';
      readonly stride: Pair;
      readonly padding: Pair;
      readonly dilation: Pair;
      readonly groups: number;
    }
  /** x [N, C, ...], weight, bias, mean, variance [C]: (x - mean) / sqrt(variance + eps) * weight + bias. */
  | { readonly kind: 'batchNorm'; readonly eps: number; readonly momentum: number }
  /** x [N, in], weight [out, in], perhaps bias [out]. */
  | { readonly kind: 'linear' }
  /** a, b. */
  | { readonly kind: 'matmul'; readonly transposeA: boolean; readonly transposeB: boolean }
  /** x; `name` as in native/ops/elementwise.h, with its two numbers. */
  | { readonly kind: 'unary'; readonly name: string; readonly p0: number; readonly p1: number }
  /** a, b with NumPy's broadcasting. */
  | { readonly kind: 'binary'; readonly name: string }
  /** x [N, C, H, W]. */
  | {
      readonly kind: 'pool';
      readonly name: 'max' | 'average';
      readonly window: Pair;
      readonly stride: Pair;
      readonly padding: Pair;
      readonly countPadding: boolean;
    }
  /** x. */
  | {
      readonly kind: 'reduce';
      readonly name: 'sum' | 'mean' | 'max' | 'min';
      readonly axes: readonly number[];
      readonly keepDims: boolean;
    }
  /** x, over the last axis. */
  | { readonly kind: 'softmax'; readonly log: boolean }
  /** x; -1 stands for the batch. */
  | { readonly kind: 'reshape'; readonly shape: Shape }
  /** x; axis i of the result is axis `permutation[i]` of x. */
  | { readonly kind: 'transpose'; readonly permutation: readonly number[] }
  /** x. */
  | { readonly kind: 'slice'; readonly axis: number; readonly start: number; readonly length: number }
  /** One or more. */
  | { readonly kind: 'concat'; readonly axis: number }
  /** x. */
  | {
      readonly kind: 'pad';
      readonly widths: readonly (readonly [before: number, after: number])[];
      readonly value: number;
    };

export interface Layer {
  /** The path of the module whose parameters it uses, such as `layer1.0.conv1`, or a name of its own. */
  readonly name: string;
  readonly operation: LayerOperation;
  readonly inputs: readonly LayerValue[];
  readonly output: LayerValue;
}

export interface LayerGraph {
  /** [N, C, H, W]. */
  readonly input: LayerValue;
  readonly output: LayerValue;
  readonly layers: readonly Layer[];
  /** The elements of `state` and `constant` values by name, in the layouts of this graph. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
}
