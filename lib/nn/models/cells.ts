/**
 * The networks in which the cells of a genotype are trained for themselves: NetworkCIFAR and NetworkImageNet of DARTS (Liu,
 * Simonyan and Yang, arXiv 1806.09055; quark0/darts, model.py).
 */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { residual } from '../../ops/conv-bn-act.js';
import { relu } from '../../ops/elementwise.js';
import { concat } from '../../ops/layout.js';
import type { Normed } from '../../ops/normed.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { TappedModule } from '../auxiliary-head.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { checkDropPathRate, DropPath, type DropPathModel } from '../drop-path.js';
import { type CellGenotype, dartsGenotypeSchema, distributedGenotypeSchema } from '../genotype.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import {
  asTensor,
  type CellLayer,
  CellState,
  cellLayer,
  FactorizedReduce,
  Identity,
  ReluConvNorm,
  Zero,
} from './cell-operations.js';
import { commonOf, commonSpec, countSchema, type ModelOptions } from './spec.js';

export const cellsSpecSchema = z
  .strictObject({
    model: z.literal('cells'),
    ...commonSpec,
    genotype: z.discriminatedUnion('space', [dartsGenotypeSchema, distributedGenotypeSchema]),
    /** C: channels of the first cell's nodes. */
    channels: countSchema,
    /** Cells; those at a third and two thirds of them (or as the genotype says) halve height and width and double the channels. */
    cells: countSchema,
    /** `cifar`: a 3x3 convolution; `imagenet`: three 3x3 convolutions of stride 2, with C / 2, C and C channels. */
    stem: z.enum(['cifar', 'imagenet']),
    /** The stem for CIFAR has so many times C channels; that for ImageNet does not ask for it. */
    stemMultiplier: countSchema,
  })
  .refine(
    ({ genotype, cells }) => genotype.space !== 'd-darts' || genotype.cells.length === cells,
    'a genotype of the space d-darts says every cell: there are as many in the network',
  );

/** All that is needed to build the network, but its weights. Plain JSON. */
export type CellsSpec = z.infer<typeof cellsSpecSchema>;

interface CellOptions {
  readonly genotype: CellGenotype;
  /** Channels of the two inputs, and of the cell's nodes. */
  readonly inputs: readonly [before: number, last: number];
  readonly channels: number;
  readonly reduction: boolean;
  /** Whether the last cell was a reduction. */
  readonly afterReduction: boolean;
}

/** An edge: an operation on an earlier state, and what leaves its result out now and then. */
interface Edge {
  readonly from: number;
  readonly layer: CellLayer;
  /** Null on identities, which stay. */
  readonly drop: DropPath | null;
}

/** A cell: two inputs, nodes that sum what their edges give, and the concatenation of some of them. */
export class Cell extends Module<[before: Tensor | Normed, last: Tensor | Normed, dropPathRate: number]> {
  readonly reduction: boolean;
  readonly preprocess0: ReluConvNorm | FactorizedReduce;
  readonly preprocess1: ReluConvNorm;
  readonly _ops: readonly CellLayer[];
  readonly drops: readonly DropPath[];
  /** What a node without edges is. */
  readonly #zero: Zero;
  readonly #nodes: readonly (readonly Edge[])[];
  readonly #concat: readonly number[];
  /** For both inputs whether anything reads the map itself and not its ReLU alone. */
  readonly #readsRaw: readonly [before: boolean, last: boolean];

  /** @throws ArgumentError when the genotype cannot be built with these channels or as a reduction */
  constructor({ genotype, inputs, channels, reduction, afterReduction }: CellOptions) {
    super();
    this.reduction = reduction;
    this.preprocess0 = afterReduction
      ? new FactorizedReduce(inputs[0], channels)
      : new ReluConvNorm(inputs[0], channels);
    this.preprocess1 = new ReluConvNorm(inputs[1], channels);
    const input = genotype.concat.find((state) => state < 2);
    if (reduction && input !== undefined) {
      throw new ArgumentError(
        `Expected a reduction cell to concatenate nodes, which are smaller than its inputs, got input ${input} in concat.`,
      );
    }
    this.#nodes = genotype.nodes.map((edges) =>
      edges.map(({ op, from }) => {
        const layer = cellLayer(op, channels, reduction && from < 2 ? 2 : 1);
        return { from, layer, drop: layer instanceof Identity ? null : new DropPath() };
      }),
    );
    const edges = this.#nodes.flat();
    this._ops = edges.map(({ layer }) => layer);
    this.drops = edges.flatMap(({ drop }) => drop ?? []);
    this.#concat = [...genotype.concat];
    this.#zero = new Zero(reduction ? 2 : 1);
    const empty = this.#nodes.some((node) => node.every(({ layer }) => layer instanceof Zero));
    const readsRaw = (state: number) =>
      this.#concat.includes(state) || edges.some(({ from, layer }) => from === state && layer.readsRaw);
    this.#readsRaw = [empty || readsRaw(0), readsRaw(1)];
  }

  /** How many times a node's channels it has. */
  get multiplier(): number {
    return this.#concat.length;
  }

  /** @param before and `last`: the outputs of the two cells before, whose ReLU has been taken */
  override forward(before: Tensor | Normed, last: Tensor | Normed, dropPathRate: number): Tensor {
    const states = [
      prepared(this.preprocess0, before, this.#readsRaw[0]),
      prepared(this.preprocess1, last, this.#readsRaw[1]),
    ];
    for (const edges of this.#nodes) {
      let sum: Tensor | Normed | null = null;
      for (const { from, layer, drop } of edges) {
        if (layer instanceof Zero) continue;
        const state = states[from]!;
        if (!drop?.isActive(dropPathRate)) {
          sum = layer.forward(state, sum);
          continue;
        }
        const branch = drop.forward(asTensor(layer.forward(state, null)), dropPathRate);
        sum = sum === null ? branch : residual(branch, sum, { relu: false });
      }
      states.push(CellState.of(asTensor(sum ?? this.#zero.forward(states[0]!, null))));
    }
    return concat(
      this.#concat.map((state) => states[state]!.raw),
      3,
    );
  }
}

function prepared(
  preprocess: ReluConvNorm | FactorizedReduce,
  x: Tensor | Normed,
  readsRaw: boolean,
): CellState {
  if (preprocess instanceof FactorizedReduce) return CellState.of(preprocess.ofRectified(x));
  // Where nobody reads the map itself, the ReLU comes with the normalisation.
  const y = preprocess.forward(x, { relu: !readsRaw }).tensor();
  return readsRaw ? CellState.of(y) : CellState.ofRectified(y);
}

/**
 * [N, H, W, 3] pixels in [0, 1] -> logits [N, classes].
 *
 * Parameters are named as in quark0/darts (with `normalize` besides), so that its checkpoints load; those of FairDARTS' own
 * networks and of D-DARTS have `_ops` by node and origin there. The ReLU with which the preprocessing of two cells begins is
 * taken once. A node without edges, or with `none` alone, is 0. Drop-path is that of DARTS: on each operation but
 * identities (FairDARTS: on whole nodes).
 */
export class CellNetwork extends Module implements TappedModule, DropPathModel {
  readonly spec: CellsSpec;
  readonly normalize: Normalize;
  /** Of CIFAR. */
  readonly stem: readonly [Conv2d, BatchNorm2d] | null;
  /** Both of ImageNet. */
  readonly stem0: readonly [Conv2d, BatchNorm2d, 'relu', Conv2d, BatchNorm2d] | null;
  readonly stem1: readonly ['relu', Conv2d, BatchNorm2d] | null;
  readonly cells: readonly Cell[];
  readonly classifier: Linear;
  readonly tapChannels: number;
  readonly #tapped: number;
  #dropPathRate = 0;

  /** @throws ArgumentError when genotype and channels do not fit together, or the genotype has an operation of searches only */
  constructor(spec: CellsSpec) {
    super();
    this.spec = structuredClone(spec);
    const { channels, cells, genotype, normalization, classes } = spec;
    const pixels = normalization.mean.length;
    const imagenet = spec.stem === 'imagenet';
    this.normalize = new Normalize(normalization);
    const stemWidth = imagenet ? channels : spec.stemMultiplier * channels;
    const half = Math.floor(channels / 2);
    if (imagenet && half === 0) {
      throw new ArgumentError('Expected at least 2 channels with the stem of ImageNet, got 1.');
    }
    this.stem = imagenet ? null : [convolution3x3(pixels, stemWidth, 1), new BatchNorm2d(stemWidth)];
    this.stem0 = imagenet
      ? [
          convolution3x3(pixels, half, 2),
          new BatchNorm2d(half),
          'relu',
          convolution3x3(half, channels, 2),
          new BatchNorm2d(channels),
        ]
      : null;
    this.stem1 = imagenet ? ['relu', convolution3x3(channels, channels, 2), new BatchNorm2d(channels)] : null;
    const reductions = reductionsOf(spec);
    const tapped = reductions.at(-1) ?? Math.floor((2 * cells) / 3);
    let inputs: [before: number, last: number] = [stemWidth, stemWidth];
    let width = channels;
    let afterReduction = imagenet;
    let tapChannels = 0;
    this.cells = Array.from({ length: cells }, (_, index) => {
      const reduction = reductions.includes(index);
      if (reduction) width *= 2;
      const own =
        genotype.space === 'd-darts' ? genotype.cells[index]! : reduction ? genotype.reduce : genotype.normal;
      const cell = new Cell({ genotype: own, inputs, channels: width, reduction, afterReduction });
      inputs = [inputs[1], cell.multiplier * width];
      afterReduction = reduction;
      if (index === tapped) tapChannels = inputs[1];
      return cell;
    });
    this.tapChannels = tapChannels;
    this.#tapped = tapped;
    this.classifier = new Linear(inputs[1], classes);
  }

  get headKind(): 'cifar' | 'imagenet' {
    return this.spec.stem;
  }

  get dropPathRate(): number {
    return this.#dropPathRate;
  }

  /** @throws ArgumentError when it is not in [0, 1) */
  set dropPathRate(rate: number) {
    this.#dropPathRate = checkDropPathRate(rate);
  }

  override forward(x: Tensor): Tensor {
    return this.forwardTapped(x)[0];
  }

  /** The tap is what the last reduction cell gives, as in DARTS: of 8 x 8 for images of 32 x 32 and the CIFAR stem, of 7 x 7 for 224 x 224 and that of ImageNet. */
  forwardTapped(x: Tensor): readonly [logits: Tensor, tap: Tensor] {
    let [before, last] = this.#stems(x);
    let output: Tensor | null = null;
    let tap: Tensor | null = null;
    for (const [index, cell] of this.cells.entries()) {
      const inputs = [before, last] as const;
      output = scope(() => cell.forward(...inputs, this.#dropPathRate));
      if (index === this.#tapped) tap = output;
      if (index === this.cells.length - 1) break;
      before = last;
      last = relu(output);
    }
    return [this.classifier.forward(globalAvgPool2d(output!)), tap!];
  }

  /** What the first cell reads, rectified. */
  #stems(x: Tensor): [before: Tensor | Normed, last: Tensor | Normed] {
    const pixels = this.normalize.forward(x);
    if (this.stem !== null) {
      const y = convBnAct(pixels, ...this.stem);
      return [y, y];
    }
    const [conv, bn, , conv2, bn2] = this.stem0!;
    const [, conv3, bn3] = this.stem1!;
    const y = convBnAct(convBnAct(pixels, conv, bn), conv2, bn2);
    return [y, convBnAct(y, conv3, bn3)];
  }
}

function convolution3x3(inChannels: number, outChannels: number, stride: number): Conv2d {
  return new Conv2d(inChannels, outChannels, 3, { stride, padding: 1, bias: false, filter: 'uniform' });
}

/** Which cells halve height and width; in a network of one cell both are the same. */
function reductionsOf({ genotype, cells }: CellsSpec): readonly number[] {
  const said = genotype.space === 'd-darts' ? genotype.reductions : undefined;
  return said ?? [Math.floor(cells / 3), Math.floor((2 * cells) / 3)];
}

/** What a cell network has besides its genotype; see `CellsSpec`. */
export type CellNetworkSize = Partial<Pick<CellsSpec, 'channels' | 'cells' | 'stem' | 'stemMultiplier'>>;

/**
 * The spec of a genotype's network. What `size` leaves out is as DARTS trains: for CIFAR C = 36 and 20 cells, with the stem of
 * ImageNet C = 48 and 14 cells; a genotype that says every cell has as many as it says.
 */
export function cellsSpec(
  genotype: CellsSpec['genotype'],
  options: ModelOptions,
  size: CellNetworkSize = {},
): CellsSpec {
  const { stem = 'cifar', stemMultiplier = 3 } = size;
  const [channels, depth] = stem === 'cifar' ? [36, 20] : [48, 14];
  return {
    model: 'cells',
    ...commonOf(options),
    genotype,
    channels: size.channels ?? channels,
    cells: size.cells ?? (genotype.space === 'd-darts' ? genotype.cells.length : depth),
    stem,
    stemMultiplier,
  };
}
