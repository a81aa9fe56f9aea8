/** The networks of NAS-Bench-201 (Dong and Yang, arXiv 2001.00326; NATS-Bench's topology space, arXiv 2009.00437). */

import { z } from 'zod';

import { ArgumentError } from '../../errors.js';
import { residual } from '../../ops/conv-bn-act.js';
import { mul, relu } from '../../ops/elementwise.js';
import { Normed } from '../../ops/normed.js';
import { avgPool2d, globalAvgPool2d } from '../../ops/pool.js';
import { scope } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct, convBnAdd } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import {
  type NasBench201Genotype,
  type NasBench201Operation,
  nasBench201GenotypeSchema,
} from '../genotype.js';
import { Linear } from '../linear.js';
import { Module } from '../module.js';
import { Normalize } from '../normalize.js';
import { commonOf, commonSpec, countSchema, type ModelOptions } from './spec.js';

export const nasBench201SpecSchema = z.strictObject({
  model: z.literal('nas-bench-201'),
  ...commonSpec,
  genotype: nasBench201GenotypeSchema,
  /** Of the first stage; each later one has twice as many. */
  channels: countSchema,
  /** Cells of each of the three stages. */
  cells: countSchema,
});

/** All that is needed to build the network, but its weights. Plain JSON. */
export type NasBench201Spec = z.infer<typeof nasBench201SpecSchema>;

/** ReLU, convolution and normalisation, of an input whose ReLU the caller has taken. */
export class RectifiedConvNorm extends Module<[x: Tensor | Normed], Normed> {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number, window: 1 | 3, stride: 1 | 2 = 1) {
    super();
    const padding = (window - 1) / 2;
    this.conv = new Conv2d(inChannels, outChannels, window, {
      stride,
      padding,
      bias: false,
      filter: 'uniform',
    });
    this.bn = new BatchNorm2d(outChannels);
  }

  override *namedChildren(): Generator<[name: string, module: Conv2d | BatchNorm2d]> {
    yield ['op.1', this.conv];
    yield ['op.2', this.bn];
  }

  /** @param x after ReLU */
  override forward(x: Tensor | Normed, options: { readonly relu: boolean } = { relu: false }): Normed {
    return convBnAct(x, this.conv, this.bn, options);
  }

  /** The result added to `addend`. */
  addedTo(addend: Tensor | Normed, x: Tensor | Normed, options: { readonly relu: boolean }): Tensor {
    return convBnAdd(x, this.conv, this.bn, addend, options);
  }
}

/** Between stages: two 3x3 convolutions, the first of stride 2, beside 2x2 average pooling and a 1x1 convolution. */
export class StageTransition extends Module {
  readonly conv_a: RectifiedConvNorm;
  readonly conv_b: RectifiedConvNorm;
  readonly shortcut: Conv2d;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.conv_a = new RectifiedConvNorm(inChannels, outChannels, 3, 2);
    this.conv_b = new RectifiedConvNorm(outChannels, outChannels, 3);
    this.shortcut = new Conv2d(inChannels, outChannels, 1, { bias: false, filter: 'uniform' });
  }

  override *namedChildren(): Generator<[name: string, module: RectifiedConvNorm | Conv2d]> {
    yield ['conv_a', this.conv_a];
    yield ['conv_b', this.conv_b];
    yield ['downsample.1', this.shortcut];
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const hidden = this.conv_a.forward(relu(x), { relu: true });
      return this.conv_b.addedTo(this.shortcut.forward(avgPool2d(x, 2)), hidden, { relu: false });
    });
  }
}

/** The first convolution and its normalisation. */
export class Stem extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false, filter: 'uniform' });
    this.bn = new BatchNorm2d(outChannels);
  }

  override *namedChildren(): Generator<[name: string, module: Conv2d | BatchNorm2d]> {
    yield ['0', this.conv];
    yield ['1', this.bn];
  }

  override forward(x: Tensor): Tensor {
    return convBnAct(x, this.conv, this.bn, { relu: false }).tensor();
  }
}

/** The last normalisation, ReLU, and the mean over height and width. */
export class PooledFeatures extends Module {
  readonly bn: BatchNorm2d;

  constructor(channels: number) {
    super();
    this.bn = new BatchNorm2d(channels);
  }

  override *namedChildren(): Generator<[name: string, module: BatchNorm2d]> {
    yield ['0', this.bn];
  }

  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(relu(this.bn.forward(x)));
  }
}

/** A node of a cell as its readers take it: as it is for skips, pools and the cell's output, after ReLU for convolutions. */
class State {
  #plain: Tensor | null;
  #rectified: Tensor | Normed | null;

  constructor(plain: Tensor | null, rectified: Tensor | Normed | null = null) {
    this.#plain = plain;
    this.#rectified = rectified;
  }

  get plain(): Tensor {
    if (this.#plain === null) throw new ArgumentError('Expected a node that was kept as it is.');
    return this.#plain;
  }

  get rectified(): Tensor | Normed {
    this.#rectified ??= relu(this.plain);
    return this.#rectified;
  }
}

type Edge = {
  readonly op: NasBench201Operation;
  readonly origin: number;
  readonly layer: RectifiedConvNorm | null;
};

/** Four nodes: the input, and three that sum what enters them; the last is the output. Only what reaches it is computed. */
export class NasBench201Cell extends Module {
  /** By edge; null where an operation has no weights. */
  readonly layers: readonly (RectifiedConvNorm | null)[];
  /** For nodes 1 to 3 the edges that contribute. */
  readonly #edges: readonly (readonly Edge[])[];
  /** For nodes 0 to 3, whether the output depends on it, and whether some reader takes it without ReLU. */
  readonly #needed: readonly boolean[];
  readonly #plain: readonly boolean[];

  constructor({ nodes }: NasBench201Genotype, channels: number) {
    super();
    const edges = nodes.map((operations) =>
      operations.map((op, origin) => ({ op, origin, layer: layerOf(op, channels) })),
    );
    this.layers = edges.flatMap((entering) => entering.map(({ layer }) => layer));
    this.#edges = edges.map((entering) => entering.filter(({ op }) => op !== 'none'));
    const needed = [false, false, false, true];
    const plain = [false, false, false, true];
    for (const node of [3, 2, 1]) {
      if (!needed[node]) continue;
      for (const { origin, layer } of this.#edges[node - 1]!) {
        needed[origin] = true;
        if (layer === null) plain[origin] = true;
      }
    }
    this.#needed = needed;
    this.#plain = plain;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const states: (State | null)[] = [new State(x)];
      for (const [index, edges] of this.#edges.entries()) {
        const node = index + 1;
        states.push(this.#needed[node]! ? sumOf(edges, states, x, this.#plain[node]!) : null);
      }
      return states[3]!.plain;
    });
  }
}

function layerOf(op: NasBench201Operation, channels: number): RectifiedConvNorm | null {
  switch (op) {
    case 'nor_conv_1x1':
      return new RectifiedConvNorm(channels, channels, 1);
    case 'nor_conv_3x3':
      return new RectifiedConvNorm(channels, channels, 3);
    case 'none':
    case 'skip_connect':
    case 'avg_pool_3x3':
      return null;
  }
}

/** The sum of what enters a node; ReLU is part of it where nobody reads it `plain`. */
function sumOf(edges: readonly Edge[], states: readonly (State | null)[], x: Tensor, plain: boolean): State {
  // Nothing is 0 times the input, as in the reference, so that it has the input's batch.
  if (edges.length === 0) return new State(mul(x, 0));
  // Convolutions come last: they add what is there already in their own pass.
  const ordered = edges.toSorted((a, b) => Number(a.layer !== null) - Number(b.layer !== null));
  let sum: Tensor | Normed | null = null;
  let rectifies = false;
  for (const [index, { op, origin, layer }] of ordered.entries()) {
    const state = states[origin]!;
    const options = { relu: !plain && index === edges.length - 1 };
    if (layer === null) {
      const term = op === 'skip_connect' ? state.plain : averaged(state.plain);
      rectifies = options.relu && sum !== null;
      sum = sum === null ? term : residual(sum, term, options);
    } else {
      rectifies = options.relu;
      sum =
        sum === null ? layer.forward(state.rectified, options) : layer.addedTo(sum, state.rectified, options);
    }
  }
  if (rectifies) return new State(null, sum);
  return new State(sum instanceof Normed ? sum.tensor() : sum);
}

function averaged(x: Tensor): Tensor {
  return avgPool2d(x, 3, { stride: 1, padding: 1, countPadding: false });
}

/**
 * [N, H, W, 3] pixels in [0, 1] -> logits [N, classes]; H and W multiples of 4. Parameters are named as TinyNetwork's in
 * D-X-Y/AutoDL-Projects, and drawn as PyTorch draws them.
 */
export class NasBench201 extends Module {
  readonly spec: NasBench201Spec;
  readonly normalize: Normalize;
  readonly stem: Stem;
  readonly cells: readonly (NasBench201Cell | StageTransition)[];
  readonly lastact: PooledFeatures;
  readonly classifier: Linear;

  constructor(spec: NasBench201Spec) {
    super();
    const { normalization, channels, cells, genotype, classes } = spec;
    this.spec = structuredClone(spec);
    this.normalize = new Normalize(normalization);
    this.stem = new Stem(normalization.mean.length, channels);
    this.cells = threeStages(channels, cells, (width) => new NasBench201Cell(genotype, width));
    this.lastact = new PooledFeatures(4 * channels);
    this.classifier = new Linear(4 * channels, classes);
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features(x));
  }

  /** What the classifier sees: [N, 4 * channels]. */
  features(x: Tensor): Tensor {
    let y = this.stem.forward(this.normalize.forward(x));
    for (const cell of this.cells) {
      const next = cell.forward(y);
      // Only the tape, where there is one, keeps what lies between.
      if (next !== y) y.dispose();
      y = next;
    }
    return this.lastact.forward(y);
  }
}

/** Three stages of `cells` cells each, of C, 2 C and 4 C channels, and what halves height and width between them. */
export function threeStages<Cell>(
  channels: number,
  cells: number,
  cell: (channels: number) => Cell,
): (Cell | StageTransition)[] {
  return [channels, 2 * channels, 4 * channels].flatMap((width, stage): (Cell | StageTransition)[] => [
    ...(stage === 0 ? [] : [new StageTransition(width / 2, width)]),
    ...Array.from({ length: cells }, () => cell(width)),
  ]);
}

/** The spec of a cell's network; the benchmark's has 16 channels and 5 cells a stage. */
export function nasBench201Spec(
  genotype: NasBench201Genotype,
  options: ModelOptions & { readonly channels?: number; readonly cells?: number },
): NasBench201Spec {
  const { channels = 16, cells = 5 } = options;
  return {
    model: 'nas-bench-201',
    ...commonOf(options),
    genotype: structuredClone(genotype),
    channels,
    cells,
  };
}
