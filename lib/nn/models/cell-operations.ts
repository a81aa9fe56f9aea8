/** The operations of cells of two inputs as networks have them that are trained for themselves: with affine normalisations. */

import { ArgumentError } from '../../errors.js';
import { residual } from '../../ops/conv-bn-act.js';
import type { ConvGeometry } from '../../ops/conv2d.js';
import { relu } from '../../ops/elementwise.js';
import { concat, pad, slice } from '../../ops/layout.js';
import { Normed } from '../../ops/normed.js';
import { avgPool2d, maxPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct, convBnAdd } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import type { CellOperation } from '../genotype.js';
import { Module } from '../module.js';

/** A map that several operations read, as it is or rectified. Its ReLU is taken once. */
export class CellState {
  readonly #raw: Tensor | null;
  #rectified: Tensor | null;

  private constructor(raw: Tensor | null, rectified: Tensor | null) {
    this.#raw = raw;
    this.#rectified = rectified;
  }

  static of(raw: Tensor): CellState {
    return new CellState(raw, null);
  }

  /** A state of which only the ReLU is known: for operations that do not `readsRaw`. */
  static ofRectified(rectified: Tensor): CellState {
    return new CellState(null, rectified);
  }

  /** The map itself: not of states made by `ofRectified`. */
  get raw(): Tensor {
    return this.#raw!;
  }

  /** max(map, 0). */
  get rectified(): Tensor {
    this.#rectified ??= relu(this.raw);
    return this.#rectified;
  }
}

/** An operation on a state, with what the node it enters has summed so far. */
export abstract class CellLayer extends Module<
  [x: CellState, addend: Tensor | Normed | null],
  Tensor | Normed
> {
  /** Whether it reads the state itself, and not only its ReLU. */
  abstract readonly readsRaw: boolean;
}

/** The reference says nothing of how filters begin: they are drawn as PyTorch draws them. */
function convolution(
  inChannels: number,
  outChannels: number,
  window: number | readonly [number, number],
  geometry: ConvGeometry = {},
): Conv2d {
  return new Conv2d(inChannels, outChannels, window, { ...geometry, bias: false, filter: 'uniform' });
}

/** conv and bn, plus what has been summed so far. */
function normalized(
  x: Tensor | Normed,
  conv: Conv2d,
  bn: BatchNorm2d,
  addend: Tensor | Normed | null,
): Tensor | Normed {
  const linear = { relu: false };
  return addend === null ? convBnAct(x, conv, bn, linear) : convBnAdd(x, conv, bn, addend, linear);
}

function sum(x: Tensor, addend: Tensor | Normed | null): Tensor {
  return addend === null ? x : residual(x, addend, { relu: false });
}

/** Depthwise and 1x1 convolution, dilated: `DilConv` of quark0/darts. */
class DilatedConvolution extends CellLayer {
  readonly readsRaw = false;
  readonly op: readonly ['relu', Conv2d, Conv2d, BatchNorm2d];

  constructor(window: number, channels: number, stride: number) {
    super();
    const geometry = { stride, padding: window - 1, dilation: 2, groups: channels };
    this.op = [
      'relu',
      convolution(channels, channels, window, geometry),
      convolution(channels, channels, 1),
      new BatchNorm2d(channels),
    ];
  }

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor | Normed {
    const [, depthwise, pointwise, bn] = this.op;
    return normalized(depthwise.forward(x.rectified), pointwise, bn, addend);
  }
}

/** Twice depthwise and 1x1 convolution, the stride in the first: `SepConv` of quark0/darts. */
class SeparableConvolution extends CellLayer {
  readonly readsRaw = false;
  readonly op: readonly ['relu', Conv2d, Conv2d, BatchNorm2d, 'relu', Conv2d, Conv2d, BatchNorm2d];

  constructor(window: number, channels: number, stride: number) {
    super();
    const depthwise = (step: number) =>
      convolution(channels, channels, window, { stride: step, padding: (window - 1) / 2, groups: channels });
    const pointwise = () => convolution(channels, channels, 1);
    this.op = [
      'relu',
      depthwise(stride),
      pointwise(),
      new BatchNorm2d(channels),
      'relu',
      depthwise(1),
      pointwise(),
      new BatchNorm2d(channels),
    ];
  }

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor | Normed {
    const [, depthwise1, pointwise1, bn1, , depthwise2, pointwise2, bn2] = this.op;
    const hidden = convBnAct(depthwise1.forward(x.rectified), pointwise1, bn1);
    return normalized(depthwise2.forward(hidden.tensor()), pointwise2, bn2, addend);
  }
}

/** A 1x7 and a 7x1 convolution: of NASNet's and AmoebaNet's cells. */
class SeparatedWindow extends CellLayer {
  readonly readsRaw = false;
  readonly op: readonly ['relu', Conv2d, Conv2d, BatchNorm2d];

  constructor(channels: number, stride: number) {
    super();
    this.op = [
      'relu',
      convolution(channels, channels, [1, 7], { stride: [1, stride], padding: [0, 3] }),
      convolution(channels, channels, [7, 1], { stride: [stride, 1], padding: [3, 0] }),
      new BatchNorm2d(channels),
    ];
  }

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor | Normed {
    const [, rows, columns, bn] = this.op;
    return normalized(rows.forward(x.rectified), columns, bn, addend);
  }
}

class Pool extends CellLayer {
  readonly readsRaw = true;
  readonly #kind: 'max' | 'average';
  readonly #stride: number;

  constructor(kind: 'max' | 'average', stride: number) {
    super();
    this.#kind = kind;
    this.#stride = stride;
  }

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor {
    const options = { stride: this.#stride, padding: 1 };
    const pooled =
      this.#kind === 'max'
        ? maxPool2d(x.raw, 3, options)
        : avgPool2d(x.raw, 3, { ...options, countPadding: false });
    return sum(pooled, addend);
  }
}

/** The state itself; drop-path leaves it alone. */
export class Identity extends CellLayer {
  readonly readsRaw = true;

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor {
    return sum(x.raw, addend);
  }
}

/** Zeros of the size that the node has. As the reference's `Zero` it is 0 times the input, so a NaN stays one. */
export class Zero extends CellLayer {
  readonly readsRaw = true;
  readonly #stride: number;

  constructor(stride: number) {
    super();
    this.#stride = stride;
  }

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor {
    const some = this.#stride === 1 ? x.raw : maxPool2d(x.raw, 1, { stride: this.#stride });
    return sum(some.mul(0), addend);
  }
}

/**
 * Half the height and width by two 1x1 convolutions of stride 2, the second a pixel further. An odd height or width gets a
 * row of zeros for the second, as in AutoDL-Projects; the reference takes none.
 */
export class FactorizedReduce extends CellLayer {
  readonly readsRaw = false;
  readonly conv_1: Conv2d;
  readonly conv_2: Conv2d;
  readonly bn: BatchNorm2d;

  /** @throws ArgumentError when `outChannels` is odd */
  constructor(inChannels: number, outChannels: number) {
    super();
    if (outChannels % 2 !== 0) {
      throw new ArgumentError(
        `Expected an even number of channels where a cell halves height and width, got ${outChannels}.`,
      );
    }
    this.conv_1 = convolution(inChannels, outChannels / 2, 1, { stride: 2 });
    this.conv_2 = convolution(inChannels, outChannels / 2, 1, { stride: 2 });
    this.bn = new BatchNorm2d(outChannels);
  }

  override forward(x: CellState, addend: Tensor | Normed | null): Tensor {
    return sum(this.ofRectified(x.rectified), addend);
  }

  /** Of an input whose ReLU has been taken. */
  ofRectified(x: Tensor | Normed): Tensor {
    const even = asTensor(x);
    const [, height = 0, width = 0] = even.shape;
    const padded =
      (height % 2) + (width % 2) === 0
        ? even
        : pad(even, [
            [0, 0],
            [0, height % 2],
            [0, width % 2],
            [0, 0],
          ]);
    const shifted = slice(slice(padded, 1, 1), 2, 1);
    return this.bn.forward(concat([this.conv_1.forward(even), this.conv_2.forward(shifted)], 3));
  }
}

/**
 * 1x1 convolution and normalisation of an input whose ReLU has been taken: how a cell prepares one of its own size.
 * `ReLUConvBN` of quark0/darts.
 */
export class ReluConvNorm extends Module<[x: Tensor | Normed, options: { readonly relu: boolean }], Normed> {
  readonly op: readonly ['relu', Conv2d, BatchNorm2d];

  constructor(inChannels: number, outChannels: number) {
    super();
    this.op = ['relu', convolution(inChannels, outChannels, 1), new BatchNorm2d(outChannels)];
  }

  /** @param options `relu`: another, after the normalisation */
  override forward(x: Tensor | Normed, options: { readonly relu: boolean }): Normed {
    const [, conv, bn] = this.op;
    return convBnAct(x, conv, bn, options);
  }
}

/**
 * The operation of a name, named below as in quark0/darts.
 *
 * @param channels that enter and leave it; even for a skip connection of stride 2
 * @throws ArgumentError for `noise`, which is a candidate of searches and nothing to be trained
 */
export function cellLayer(operation: CellOperation, channels: number, stride: 1 | 2): CellLayer {
  switch (operation) {
    case 'none':
      return new Zero(stride);
    case 'max_pool_3x3':
      return new Pool('max', stride);
    case 'avg_pool_3x3':
      return new Pool('average', stride);
    case 'skip_connect':
      return stride === 1 ? new Identity() : new FactorizedReduce(channels, channels);
    case 'sep_conv_3x3':
      return new SeparableConvolution(3, channels, stride);
    case 'sep_conv_5x5':
      return new SeparableConvolution(5, channels, stride);
    case 'sep_conv_7x7':
      return new SeparableConvolution(7, channels, stride);
    case 'dil_conv_3x3':
      return new DilatedConvolution(3, channels, stride);
    case 'dil_conv_5x5':
      return new DilatedConvolution(5, channels, stride);
    case 'conv_7x1_1x7':
      return new SeparatedWindow(channels, stride);
    case 'noise':
      throw new ArgumentError(
        "Expected an operation that a network can be trained with, got 'noise', which only searches have (Zela et al., space S4); choose another genotype.",
      );
  }
}

/** The tensor of what may be pending. */
export function asTensor(x: Tensor | Normed): Tensor {
  return x instanceof Normed ? x.tensor() : x;
}
