import { describe, expect, it } from 'vitest';
import { scope, tensor } from '../../lib/index.js';
import { strongestCandidates, strongestCandidatesPerGroup } from '../../lib/search/candidates-left.js';
import type { Strengths } from '../../lib/search/mixer.js';
import { valueAt } from '../../lib/search/scheduled-value.js';
import { strongestPairsChoice } from '../../lib/search/selectors/edge-pairs.js';
import { likeliestChoices } from '../../lib/search/selectors/likeliest.js';
import { perturbationSelector } from '../../lib/search/selectors/perturbation.js';
import type { SelectionContext } from '../../lib/search/selectors/selector.js';
import { skipLimitedChoice, skipLimits } from '../../lib/search/selectors/skip-limit.js';
import { strongestChoice } from '../../lib/search/selectors/strongest.js';
import { thresholdChoice } from '../../lib/search/selectors/threshold.js';
import type { EdgeGroup, Mixture } from '../../lib/search/supernet.js';
import '../collect-garbage.js';

const names = ['none', 'skip_connect', 'sep_conv_3x3'] as const;

/** Two nodes with two and three edges. */
const group: EdgeGroup = {
  name: 'normal',
  candidates: Array.from({ length: 5 }, () => names),
  nodes: [
    [0, 1],
    [2, 3, 4],
  ],
  edgesPerNode: 2,
  noneAllowed: false,
};

const choose = (candidates: number[][]) => strongestChoice(group, { candidates });

describe('DARTS', () => {
  it('keeps two edges a node, none never, and of equals the first', () => {
    const choice = choose([
      [0.9, 0.06, 0.04], // none is strongest, and left out
      [0.1, 0.45, 0.45], // a tie of candidates
      [0.2, 0.5, 0.3],
      [0.2, 0.3, 0.5], // a tie of edges with the one before and the one after
      [0.0, 0.5, 0.5],
    ]);
    expect(choice).toEqual([['skip_connect'], ['skip_connect'], ['skip_connect'], ['sep_conv_3x3'], []]);
  });

  it('PC-DARTS: the factor of an edge counts', () => {
    const alphas = [0.1, 0.3, 0.6];
    const rows = (factors: number[]) => factors.map((beta) => alphas.map((alpha) => alpha * beta));
    expect(choose(rows([0.5, 0.5, 0.2, 0.5, 0.3])).map((kept) => kept.length)).toEqual([1, 1, 0, 1, 1]);
  });
});

describe('FairDARTS', () => {
  const strengths = {
    candidates: [
      [0.99, 0.84, 0.2],
      [0.1, 0.85, 0.9],
      [0.1, 0.9, 0.95],
      [0.1, 0.1, 0.86],
      [0.1, 0.88, 0.1],
    ],
  };
  it('threshold_sparse: of what DARTS keeps that from the threshold up', () => {
    const options = { edges: 'strongest', threshold: 0.85, most: 2 } as const;
    expect(thresholdChoice(group, strengths, options)).toEqual([
      [],
      ['sep_conv_3x3'],
      ['sep_conv_3x3'],
      [],
      ['skip_connect'],
    ]);
  });

  it('threshold_edge: of every edge up to so many from the threshold up', () => {
    const options = { edges: 'all', threshold: 0.85, most: 2 } as const;
    expect(thresholdChoice(group, strengths, options)).toEqual([
      [],
      ['sep_conv_3x3', 'skip_connect'],
      ['sep_conv_3x3', 'skip_connect'],
      ['sep_conv_3x3'],
      ['skip_connect'],
    ]);
    expect(thresholdChoice(group, strengths, { ...options, most: 1 })[1]).toEqual(['sep_conv_3x3']);
  });
});

describe('P-DARTS', () => {
  const strengths = {
    candidates: [
      [0.0, 0.6, 0.4],
      [0.0, 0.7, 0.3],
      [0.0, 0.9, 0.1],
      [0.0, 0.8, 0.2],
      [0.0, 0.35, 0.65],
    ],
  };
  it('takes the weakest skip connection out and derives anew until few are left', () => {
    const skips = [['skip_connect'], ['skip_connect'], ['skip_connect'], ['skip_connect'], []];
    expect(skipLimitedChoice(group, strengths, 4)).toEqual(skips);
    const three = [['sep_conv_3x3'], ...skips.slice(1)];
    expect(skipLimitedChoice(group, strengths, 3)).toEqual(three);
    // Edge 3 loses its place to edge 4 with its skip connection.
    const one = [['sep_conv_3x3'], ['sep_conv_3x3'], ['skip_connect'], [], ['sep_conv_3x3']];
    expect(skipLimitedChoice(group, strengths, 1)).toEqual(one);
    expect(skipLimits(group, strengths).map(({ most }) => most)).toEqual([3, 2, 1, 0]);
    expect(skipLimits(group, strengths)[3]!.kept.flat()).not.toContain('skip_connect');
  });

  it('dropout falls to 0 while the alphas rest, and again while they move', () => {
    const level = { from: 0.4, form: 'linear-then-exponential', restart: 10, decay: 0.2 } as const;
    expect(valueAt(level, 0, 25)).toBeCloseTo((0.4 * 24) / 25, 12);
    expect(valueAt(level, 9, 25)).toBeCloseTo((0.4 * 15) / 25, 12);
    expect(valueAt(level, 10, 25)).toBe(0.4);
    expect(valueAt(level, 15, 25)).toBeCloseTo(0.4 / Math.E, 12);
  });
});

describe('stages', () => {
  const edge: EdgeGroup = {
    ...group,
    candidates: [['none', 'max_pool_3x3', 'skip_connect', 'sep_conv_3x3', 'dil_conv_3x3']],
    nodes: [[0]],
  };
  const strengths = { normal: { candidates: [[0.3, 0.05, 0.3, 0.1, 0.25]] } };
  it('the strongest candidates stay, in their order', () => {
    expect(strongestCandidates([edge], strengths, 3)[0]!.candidates).toEqual([
      ['none', 'skip_connect', 'dil_conv_3x3'],
    ]);
  });
  it('DOTS keeps one with and one without weights', () => {
    expect(strongestCandidatesPerGroup([edge], strengths, 1)[0]!.candidates).toEqual([
      ['none', 'dil_conv_3x3'],
    ]);
  });
});

it('DOTS: each node keeps its strongest pair, whatever the sums of its edges', () => {
  const candidates = group.candidates.map(() => [0.6, 0.1, 0.3]);
  // By sums edge 2 would be kept: 0.33 + 0.33, but (3, 4) is the strongest pair.
  const kept = strongestPairsChoice(group, { candidates, pairs: [1, 0.33, 0.33, 0.34] });
  expect(kept).toEqual([['sep_conv_3x3'], ['sep_conv_3x3'], [], ['sep_conv_3x3'], ['sep_conv_3x3']]);
  expect(() => strongestPairsChoice(group, { candidates })).toThrow(/pairs/);
});

describe('likeliest architectures', () => {
  const operations = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];
  const independent: EdgeGroup = {
    name: 'cell',
    candidates: Array.from({ length: 6 }, () => operations),
    nodes: [[0], [1, 2], [3, 4, 5]],
    edgesPerNode: null,
    noneAllowed: true,
  };
  // Irregular, so that no two architectures are alike.
  const candidates = Array.from({ length: 6 }, (_, e) =>
    operations.map((_, o) => Math.exp(Math.sin(13 * e + 7 * o * o + 1))),
  );

  it('are the first 100 of all 15,625', () => {
    const all = Array.from({ length: 5 ** 6 }, (_, index) =>
      candidates.reduce((sum, row, e) => sum + Math.log(row[Math.floor(index / 5 ** e) % 5]!), 0),
    ).toSorted((a, b) => b - a);
    const found = likeliestChoices([independent], { cell: { candidates } }, 100);
    expect(found).toHaveLength(100);
    for (const [i, { logProbability }] of found.entries()) expect(logProbability).toBeCloseTo(all[i]!, 10);
    expect(new Set(found.map(({ choice }) => JSON.stringify(choice))).size).toBe(100);
  });

  it('drop edges where nodes do: the first is that of the strongest pairs', () => {
    const rows = [
      [0, 0.5, 0.4],
      [0, 0.2, 0.3],
      [0, 0.1, 0.2],
      [0, 0.9, 0.1],
      [0, 0.3, 0.6],
    ];
    const strengths: Strengths = { normal: { candidates: rows } };
    const [first, second] = likeliestChoices([group], strengths, 2);
    expect(first!.choice.normal).toEqual(choose(rows));
    expect(second!.logProbability - first!.logProbability).toBeCloseTo(Math.log(0.4 / 0.5), 10);
    expect(likeliestChoices([group], strengths, 1000)).toHaveLength(2 ** 4 * 3);
  });
});

describe('DARTS-PT', () => {
  /** What each candidate of each edge adds to the accuracy, `none` nothing. */
  const worth = [
    [0, 0.02, 0.05],
    [0, 0.04, 0.01],
    [0, 0.01, 0.03],
    [0, 0.09, 0.02],
    [0, 0.02, 0.08],
  ];
  const rate = { calls: [] as number[] };
  const context = (seed: number): SelectionContext => ({
    groups: [group],
    strengths: {},
    supernet: undefined as never,
    mixture: (): Mixture => ({ normal: { weights: tensor(new Array(15).fill(1 / 3), [5, 3]) } }),
    async accuracy({ normal }) {
      const weights = await normal!.weights.data();
      expect(normal!.active).toHaveLength(5);
      return worth.flat().reduce((sum, value, i) => sum + value * weights[i]!, 0);
    },
    async tune(mixture, { before, epochs, total }) {
      scope(() => void mixture());
      rate.calls.push(before, epochs, total);
    },
    trainAlone: undefined as never,
    images: undefined as never,
    seed,
    progress: { stage() {}, log() {}, advance() {} },
  });

  it.each([0, 1, 2])('keeps what the accuracy needs most, edges then nodes: seed %d', async (seed) => {
    rate.calls.length = 0;
    const selector = perturbationSelector({ tuneEvery: 5, tuneRate: 0.1 });
    expect(selector.rounds([group])).toBe(6);
    let state: unknown = selector.initial;
    const decided: number[] = [];
    for (let round = 1; ; round++) {
      const outcome = await selector.next(state, context(seed));
      if ('choice' in outcome) {
        expect(round).toBe(6);
        expect(outcome.choice).toEqual({
          normal: [['sep_conv_3x3'], ['skip_connect'], [], ['skip_connect'], ['sep_conv_3x3']],
        });
        break;
      }
      state = JSON.parse(JSON.stringify(outcome.state)); // as a checkpoint does
      const { candidates } = state as { candidates: { normal: (number | null)[] } };
      decided.push(candidates.normal.filter((place) => place !== null).length);
    }
    expect(decided).toEqual([1, 2, 3, 4, 5]);
    expect(rate.calls).toEqual([0, 5, 26, 5, 5, 26, 10, 5, 26, 15, 5, 26, 20, 5, 26]);
  });
});
