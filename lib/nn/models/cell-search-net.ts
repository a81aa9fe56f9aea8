/** Search networks of stacked cells, whose edges are mixtures of candidates, decided in groups. */

import { ArgumentError } from '../../errors.js';
import { relu } from '../../ops/elementwise.js';
import { globalAvgPool2d } from '../../ops/pool.js';
import type { Tensor } from '../../tensor.js';
import { BatchNorm2d } from '../batch-norm.js';
import { convBnAct } from '../conv-bn-act.js';
import { Conv2d } from '../conv2d.js';
import { Linear } from '../linear.js';
import { cellMixture, type GroupMixture, type SkipDisturbance } from '../mixture.js';
import { Module } from '../module.js';
import { type ChannelStatistics, Normalize } from '../normalize.js';
import { type CellCandidate, cellCandidates, DartsCell, edgeCount, edgesByNode } from './darts-cell.js';

/** Edges that mix by one matrix: those of all cells of one kind, or of one cell. */
export interface CellGroup {
  readonly name: string;
  /** For each edge its candidates, of `cellCandidates`; each edge has as many. */
  readonly candidates: readonly (readonly string[])[];
}

/** The group of a cell, by its number and whether it is a reduction. */
export type GroupOfCell = (cell: number, reduction: boolean) => string;

export interface CellSearchNetOptions<Group extends CellGroup> {
  readonly classes: number;
  readonly normalization: ChannelStatistics;
  /** C: channels of the first cell's nodes. */
  readonly channels: number;
  readonly cells: number;
  /** Intermediate nodes of a cell. */
  readonly nodes: number;
  /** The stem has so many times C channels. */
  readonly stemMultiplier: number;
  /** Only the first 1 / portion of a state's channels goes through the candidates (PC-DARTS). Default 1. */
  readonly portion?: number;
  /** Every edge has a skip connection more, whose weight is the last column of its group's (DARTS-). Default false. */
  readonly auxiliarySkip?: boolean;
  readonly groups: readonly Group[];
  /** Default: `normal` and `reduce`. */
  readonly groupOf?: GroupOfCell;
}

/** Cells at a third and two thirds of them halve height and width and double the channels. */
export function isReduction(cell: number, cells: number): boolean {
  return cell === Math.floor(cells / 3) || cell === Math.floor((2 * cells) / 3);
}

/** The first convolution and its normalisation, which has a gamma and a beta. */
class Stem extends Module {
  readonly conv: Conv2d;
  readonly bn: BatchNorm2d;

  constructor(inChannels: number, outChannels: number) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false });
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

/**
 * [N, H, W, channels] pixels in [0, 1] and the groups' mixtures of candidates -> logits [N, classes].
 *
 * The weights are this module's parameters, named as in quark0/darts (with `normalize` besides); the architecture is not
 * among them: relaxations make mixtures of it. The ReLU with which the preprocessing of two cells begins is taken once.
 */
export class CellSearchNet<Group extends CellGroup = CellGroup> extends Module<
  [x: Tensor, mixture: Readonly<Record<string, GroupMixture>>]
> {
  readonly groups: readonly Group[];
  /** Null, as at first: none. Heeded in training. */
  skipDisturbance: SkipDisturbance | null = null;
  readonly normalize: Normalize;
  readonly stem: Stem;
  readonly cells: readonly DartsCell[];
  readonly classifier: Linear;
  readonly #nodes: readonly (readonly number[])[];
  readonly #bypassed: boolean;
  readonly #auxiliaries: number;
  readonly #groupOf: GroupOfCell;

  /**
   * @param seed draws the weights
   * @throws ArgumentError when a portion does not divide the channels, when a cell's group is not there, or a group has
   * another number of edges than cells, edges with different numbers of candidates, or candidates that there are not
   */
  constructor(options: CellSearchNetOptions<Group>, seed = 0) {
    super();
    const { channels, nodes, stemMultiplier, normalization, groups, portion = 1 } = options;
    const { auxiliarySkip = false, groupOf = (_, reduction) => (reduction ? 'reduce' : 'normal') } = options;
    if (channels % portion !== 0) {
      throw new ArgumentError(`Expected a portion that divides ${channels} channels, got ${portion}.`);
    }
    const candidates = new Map(groups.map((group) => [group.name, checkedCandidates(group, nodes)]));
    this.groups = groups;
    this.#nodes = edgesByNode(nodes);
    this.#bypassed = portion > 1;
    this.#auxiliaries = auxiliarySkip ? 1 : 0;
    this.#groupOf = groupOf;
    this.normalize = new Normalize(normalization);
    this.stem = new Stem(normalization.mean.length, stemMultiplier * channels);
    let inputs: [before: number, last: number] = [stemMultiplier * channels, stemMultiplier * channels];
    let width = channels;
    let afterReduction = false;
    this.cells = Array.from({ length: options.cells }, (_, index) => {
      const reduction = isReduction(index, options.cells);
      if (reduction) width *= 2;
      const name = groupOf(index, reduction);
      const own = candidates.get(name);
      if (own === undefined)
        throw new ArgumentError(`Expected a group '${name}' for cell ${index}, got none.`);
      const shared = { nodes, portion, auxiliarySkip };
      const cell = new DartsCell({
        ...shared,
        inputs,
        channels: width,
        reduction,
        afterReduction,
        candidates: own,
      });
      inputs = [inputs[1], nodes * width];
      afterReduction = reduction;
      return cell;
    });
    this.classifier = new Linear(inputs[1], options.classes);
    this.initialize(seed);
  }

  /** @throws ArgumentError when a group has no mixture; ShapeError when one has another number of edges or candidates */
  override forward(x: Tensor, mixture: Readonly<Record<string, GroupMixture>>): Tensor {
    const mixtures = new Map(
      this.groups.map((group) => {
        const candidates = group.candidates[0]!.length + this.#auxiliaries;
        const options = { nodes: this.#nodes, candidates, bypassed: this.#bypassed };
        return [group.name, cellMixture(group.name, mixture[group.name], options)];
      }),
    );
    let output = this.stem.forward(this.normalize.forward(x));
    let last = relu(output);
    let before = last;
    for (const [index, cell] of this.cells.entries()) {
      const own = mixtures.get(this.#groupOf(index, cell.reduction))!;
      output = cell.forward(before, last, own, this.skipDisturbance);
      before = last;
      if (index < this.cells.length - 1) last = relu(output);
    }
    return this.classifier.forward(globalAvgPool2d(output));
  }
}

function checkedCandidates(
  { name, candidates }: CellGroup,
  nodes: number,
): readonly (readonly CellCandidate[])[] {
  const edges = edgeCount(nodes);
  if (candidates.length !== edges) {
    throw new ArgumentError(
      `Expected candidates for the ${edges} edges of ${name} cells of ${nodes} nodes, got ${candidates.length}.`,
    );
  }
  const count = candidates[0]!.length;
  return candidates.map((kinds, e) => {
    if (kinds.length !== count || count === 0) {
      throw new ArgumentError(
        `Expected as many candidates, at least 1, for each edge of ${name} cells, got ${count} for edge 0 and ${kinds.length} for edge ${e}.`,
      );
    }
    return kinds.map((kind) => {
      if (isCellCandidate(kind)) return kind;
      throw new ArgumentError(
        `Expected candidates out of ${cellCandidates.join(', ')}, got '${kind}' for edge ${e} of ${name} cells.`,
      );
    });
  });
}

function isCellCandidate(kind: string): kind is CellCandidate {
  return (cellCandidates as readonly string[]).includes(kind);
}
