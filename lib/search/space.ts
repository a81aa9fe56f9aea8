/** What a search must know of a space. One file each in spaces/. */

import type { z } from 'zod';

import type { Genotype } from '../nn/genotype.js';
import type { ModelSpec } from '../nn/models/index.js';
import type { ChannelStatistics } from '../nn/normalize.js';
import type { Choice, EdgeGroup, Supernet } from './supernet.js';

/** What a method asks of a search network besides its groups. */
export interface SupernetOptions {
  readonly classes: number;
  readonly normalization: ChannelStatistics;
  /** Only the first 1 / portion of a state's channels goes through the candidates (PC-DARTS). 1: all. */
  readonly portion: number;
  /**
   * Every edge has one candidate more, after all others: a skip connection of its own (DARTS-). Mixtures then have a column
   * more than the groups say.
   */
  readonly auxiliarySkip: boolean;
}

/** A search space. `C` is its configuration: which space it is, and how large. */
export interface SearchSpace<C = unknown> {
  readonly name: string;
  readonly schema: z.ZodType<C>;
  /** All edges with all their candidates. */
  groups(config: C): EdgeGroup[];
  /**
   * A search network.
   *
   * @param groups those of `groups(config)`, whose edges may have lost candidates
   * @param seed draws the weights; null: they stay 0
   * @throws ArgumentError when the space cannot do what `options` ask
   */
  supernet(config: C, groups: readonly EdgeGroup[], options: SupernetOptions, seed: number | null): Supernet;
  /** The architecture that a choice means. @throws ArgumentError when the choice is none of this space */
  genotype(config: C, groups: readonly EdgeGroup[], choice: Choice): Genotype;
  /** The choice that a genotype means. @throws ArgumentError when it is of another space or of other edges */
  choice(config: C, groups: readonly EdgeGroup[], genotype: Genotype): Choice;
  /** The network of an architecture alone, as large as the search network unless `config` says otherwise. */
  network(
    config: C,
    genotype: Genotype,
    options: Pick<SupernetOptions, 'classes' | 'normalization'>,
  ): ModelSpec;
}
