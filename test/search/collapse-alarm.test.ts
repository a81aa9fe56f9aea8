import { describe, expect, it } from 'vitest';
import { ArgumentError } from '../../lib/errors.js';
import { collapseAlarm } from '../../lib/search/diagnostics/collapse-alarm.js';
import type { EdgeGroup } from '../../lib/search/supernet.js';
import { benchChoice, benchGroup, dartsChoice, dartsGroup } from './cells.js';

const [skip, conv, pool] = ['skip_connect', 'sep_conv_3x3', 'max_pool_3x3'];
const groups = [dartsGroup('normal'), dartsGroup('reduce')];
/** A healthy search has reduction cells of pools and skips, too. */
const reduce = dartsChoice('reduce', [pool, pool, pool, skip, skip, skip, skip, skip]);
const normal = (skips: number, other = conv) => ({
  ...dartsChoice('normal', [...Array<string>(8 - skips).fill(other), ...Array<string>(skips).fill(skip)]),
  ...reduce,
});

describe('the collapse alarm', () => {
  it.each([
    ['DARTS_V2 has two skips', 2, 'none'],
    ['DARTS_V1 has three', 3, 'none'],
    ['half of them', 4, 'warn'],
    ['five of eight', 5, 'collapsed'],
    ['seven of eight', 7, 'collapsed'],
  ])('counts skips of normal cells: %s', (_, skips, level) => {
    const finding = collapseAlarm(groups, normal(skips));
    expect(finding).toMatchObject({ level, skipShare: skips / 8 });
    expect(finding.sentence).toContain(`${skips} of 8 edges`);
  });

  it.each([
    ['skips', normal(8)],
    ['skips and pools', normal(3, pool)],
  ])('fires when nothing has weights: %s', (_, choice) => {
    const finding = collapseAlarm(groups, choice);
    expect(finding.level).toBe('collapsed');
    expect(finding.sentence).toContain('No operation with weights');
  });

  it.each([
    ['all-skip', Array<string>(6).fill(skip), 'collapsed'],
    ['all none', Array<string>(6).fill('none'), 'collapsed'],
    // 1 leads to 2 and 3, but nothing to 1.
    [
      'a convolution that nothing enters',
      ['none', skip, 'nor_conv_3x3', skip, 'nor_conv_3x3', 'none'],
      'collapsed',
    ],
    // Node 2 is computed and goes nowhere.
    ['a convolution that leads nowhere', ['none', 'nor_conv_3x3', 'none', skip, 'none', 'none'], 'collapsed'],
    ['one path with a convolution', ['none', 'nor_conv_3x3', 'none', skip, 'none', skip], 'none'],
    ['three skips', [skip, skip, skip, 'nor_conv_3x3', 'nor_conv_3x3', 'nor_conv_3x3'], 'warn'],
    [
      'the best cell of the table',
      ['nor_conv_3x3', 'nor_conv_3x3', 'nor_conv_3x3', skip, 'nor_conv_3x3', 'nor_conv_3x3'],
      'none',
    ],
  ])('follows paths in NAS-Bench-201: %s', (_, operations, level) => {
    expect(collapseAlarm([benchGroup], benchChoice(operations)).level).toBe(level);
  });

  it('warns of a share of skips that only grows', () => {
    expect(collapseAlarm(groups, normal(3), [1 / 8, 1 / 8, 2 / 8]).level).toBe('warn');
    expect(collapseAlarm(groups, normal(3), [1 / 8, 3 / 8, 2 / 8]).level).toBe('none');
    expect(collapseAlarm(groups, normal(2), [0, 0]).level).toBe('none');
    // Longer ago than ten epochs.
    expect(collapseAlarm(groups, normal(3), [1 / 8, ...Array<number>(10).fill(2 / 8)]).level).toBe('none');
    expect(collapseAlarm(groups, normal(3), [], { warnShare: 0.3 }).level).toBe('warn');
  });

  it('takes cells that are chosen one by one together, without reductions', () => {
    const cells = Array.from({ length: 8 }, (_, index) => dartsGroup(`cells.${index}`));
    const choice = (normalOps: string, reduceOps: string) =>
      Object.assign(
        {},
        ...cells.map(({ name }, index) =>
          dartsChoice(name, Array<string>(8).fill(index === 2 || index === 5 ? reduceOps : normalOps)),
        ),
      );
    expect(collapseAlarm(cells, choice(conv, skip))).toMatchObject({ level: 'none', skipShare: 0 });
    expect(collapseAlarm(cells, choice(skip, conv)).level).toBe('collapsed');
  });

  it('counts layers that are left out', () => {
    const layers = Array.from(
      { length: 4 },
      (_, index): EdgeGroup => ({
        name: `layers.${index}`,
        candidates: [['mbconv_3x3_3', 'skip']],
        nodes: [[0]],
        edgesPerNode: null,
        noneAllowed: false,
      }),
    );
    const choice = (left: number) =>
      Object.fromEntries(layers.map(({ name }, index) => [name, [[index < left ? 'skip' : 'mbconv_3x3_3']]]));
    expect(collapseAlarm(layers, choice(1)).level).toBe('none');
    expect(collapseAlarm(layers, choice(3)).level).toBe('collapsed');
  });

  it('refuses a choice of other groups', () => {
    expect(() => collapseAlarm(groups, reduce)).toThrow(ArgumentError);
  });
});
