import { describe, expect, it } from 'vitest';
import { ArgumentError, NonFiniteError, ShapeError } from '../../lib/errors.js';
import { alphaStatistics } from '../../lib/search/diagnostics/alpha-statistics.js';
import { weightsFromStrengths } from '../../lib/search/diagnostics/group-weights.js';
import { benchChoice, benchGroup, dartsChoice, dartsGroup, weightsOf } from './cells.js';

const rest = Array(5).fill([0.2, 0.2, 0.2, 0.2, 0.2]) as number[][];
const choice = benchChoice(['nor_conv_3x3', 'skip_connect', 'skip_connect', 'none', 'none', 'none']);

describe('statistics of alphas', () => {
  it('count, and measure entropy and margins of distributions', () => {
    const weights = weightsOf('cell', [[0, 0.5, 0.25, 0.25, 0], ...rest]);
    const { cell } = alphaStatistics([benchGroup], weights, choice);
    // Equal weights: the first candidate.
    expect(cell!.strongest).toEqual({
      none: 5,
      skip_connect: 1,
      nor_conv_1x1: 0,
      nor_conv_3x3: 0,
      avg_pool_3x3: 0,
    });
    expect(cell!.strongestSkips).toBe(1);
    expect(cell!.entropy).toBeCloseTo((1.5 * Math.LN2 + 5 * Math.log(5)) / 6, 12);
    expect(cell!.normalizedEntropy).toBeCloseTo((1.5 * Math.LN2) / Math.log(5) / 6 + 5 / 6, 12);
    expect(cell!.margin!.mean).toBeCloseTo(0.25 / 6, 12);
    expect(cell!.margin!.least).toBe(0);
    expect(cell!.chosen).toEqual({
      none: 3,
      skip_connect: 2,
      nor_conv_1x1: 0,
      nor_conv_3x3: 1,
      avg_pool_3x3: 0,
    });
    expect(JSON.parse(JSON.stringify(cell))).toEqual(cell);
  });

  it('read strengths, whose edges have factors', () => {
    const row = [0, 0.5, 0.25, 0.25, 0];
    const strengths = (factor: number) => ({
      cell: { candidates: Array.from({ length: 6 }, () => row.map((x) => x * factor)) },
    });
    const at = (factor: number) =>
      alphaStatistics([benchGroup], weightsFromStrengths(strengths(factor)), choice).cell!;
    expect(at(0.3).entropy).toBeCloseTo(1.5 * Math.LN2, 12);
    expect(at(0.3).entropy).toBeCloseTo(at(1).entropy, 12);
    expect(at(0.5).margin!.least).toBe(0.125);
  });

  it('take independent weights as one decision each', () => {
    const weights = weightsOf('cell', [[0.5, 0.5, 0.5, 0.5, 1], ...Array<number[]>(5).fill([0, 1, 0, 1, 1])]);
    const { cell } = alphaStatistics([benchGroup], weights, choice, 'independent');
    expect(cell!.entropy).toBeCloseTo((0.8 * Math.LN2) / 6, 12);
    expect(cell!.normalizedEntropy).toBeCloseTo(0.8 / 6, 12);
    expect(() =>
      alphaStatistics([benchGroup], weightsOf('cell', [[2, 0, 0, 0, 0], ...rest]), choice, 'independent'),
    ).toThrow(ArgumentError);
  });

  it('leave none out of the margin where it cannot be chosen', () => {
    const group = dartsGroup('normal');
    const row = [0.6, 0.05, 0.05, 0.2, 0.1, 0, 0, 0];
    const weights = weightsOf('normal', Array<number[]>(14).fill(row));
    const { normal } = alphaStatistics(
      [group],
      weights,
      dartsChoice('normal', Array(8).fill('skip_connect')),
    );
    expect(normal!.strongest.none).toBe(14);
    expect(normal!.strongestSkips).toBe(0);
    expect(normal!.margin!.least).toBeCloseTo(0.1, 12);
    expect(normal!.chosen.skip_connect).toBe(8);
  });

  it('have no margin and no entropy where there is one candidate', () => {
    const group = { ...benchGroup, candidates: Array<string[]>(6).fill(['nor_conv_3x3']) };
    const weights = weightsOf('cell', Array<number[]>(6).fill([1]));
    const { cell } = alphaStatistics([group], weights, benchChoice(Array<string>(6).fill('nor_conv_3x3')));
    expect(cell).toMatchObject({ margin: null, entropy: 0, normalizedEntropy: 0 });
  });

  it('refuse weights and choices that do not fit', () => {
    const fine = weightsOf('cell', [rest[0]!, ...rest]);
    expect(() => alphaStatistics([benchGroup], {}, choice)).toThrow(ShapeError);
    expect(() => alphaStatistics([benchGroup], weightsOf('cell', rest), choice)).toThrow(ShapeError);
    expect(() =>
      alphaStatistics([benchGroup], weightsOf('cell', [[-1, 1, 1, 0, 0], ...rest]), choice),
    ).toThrow(NonFiniteError);
    expect(() => alphaStatistics([benchGroup], fine, {})).toThrow(ArgumentError);
    expect(() => alphaStatistics([benchGroup], fine, benchChoice(Array(6).fill('sep_conv_3x3')))).toThrow(
      'sep_conv_3x3',
    );
  });
});
