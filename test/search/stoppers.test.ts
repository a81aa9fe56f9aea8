import { describe, expect, it } from 'vitest';
import { ArgumentError, NonFiniteError } from '../../lib/errors.js';
import { createStopper, type StopperConfig, stopperSchema } from '../../lib/search/stoppers/registry.js';
import type { EpochObservation } from '../../lib/search/stoppers/stopper.js';
import { benchChoice, benchGroup, weightsOf } from './cells.js';

const rising = [0.1, 0.15, 0.2, 0.25, 0.3];
const flat = Array<number[]>(6).fill(rising);
const healthy = benchChoice(Array<string>(6).fill('nor_conv_3x3'));

function observation(epoch: number, changes: Partial<EpochObservation> = {}): EpochObservation {
  return {
    epoch,
    eigenvalue: null,
    weights: weightsOf('cell', flat),
    choice: healthy,
    groups: [benchGroup],
    ...changes,
  };
}

/** The epoch in which it stops, and how; every state goes through JSON, as through a checkpoint. */
function run(config: unknown, observations: readonly EpochObservation[]) {
  const stopper = createStopper(stopperSchema.parse(config));
  let state = stopper.initial;
  for (const seen of observations) {
    const next = stopper.observe(stopper.stateSchema.parse(JSON.parse(JSON.stringify(state))), seen);
    if (next.stop !== null) return { epoch: seen.epoch, ...next.stop };
    state = next.state;
  }
  return null;
}

const epochs = (count: number, changes: (epoch: number) => Partial<EpochObservation> = () => ({})) =>
  Array.from({ length: count }, (_, epoch) => observation(epoch, changes(epoch)));

describe('skip-count', () => {
  const skips = (epoch: number) => ({
    choice: benchChoice(
      Array.from({ length: 6 }, (_, edge) => (edge < epoch ? 'skip_connect' : 'nor_conv_3x3')),
    ),
  });

  it('stops at two skips in the cell', () => {
    const stop = run({ kind: 'skip-count', group: 'cell' }, epochs(6, skips));
    expect(stop).toMatchObject({ epoch: 2, returnTo: null });
    expect(stop!.reason).toContain('2 skip connections in cell');
    expect(run({ kind: 'skip-count', group: 'cell', from: 4 }, epochs(6, skips))?.epoch).toBe(4);
    expect(run({ kind: 'skip-count', group: 'cell' }, epochs(6))).toBeNull();
  });

  it('refuses a group that there is not', () => {
    expect(() => run({ kind: 'skip-count' }, epochs(1))).toThrow(ArgumentError);
  });
});

describe('rank-stability', () => {
  it('stops when ten epochs have not changed the order', () => {
    expect(run({ kind: 'rank-stability' }, epochs(10))).toBeNull();
    expect(run({ kind: 'rank-stability' }, epochs(11))).toMatchObject({ epoch: 10, returnTo: null });
    expect(run({ kind: 'rank-stability', from: 5 }, epochs(30))?.epoch).toBe(15);
  });

  it('heeds the order, not the values, and one edge is enough', () => {
    const scaled = (epoch: number) => ({
      weights: weightsOf(
        'cell',
        flat.map((row) => row.map((x) => x / (epoch + 1))),
      ),
    });
    expect(run({ kind: 'rank-stability', epochs: 4 }, epochs(20, scaled))?.epoch).toBe(4);
    const swapped = (epoch: number) => ({
      weights: weightsOf('cell', epoch < 3 ? flat : [...flat.slice(1), rising.toReversed()]),
    });
    expect(run({ kind: 'rank-stability', epochs: 4 }, epochs(20, swapped))?.epoch).toBe(7);
  });
});

describe('eigenvalue-ratio', () => {
  const every2 = (value: (check: number) => number) => (epoch: number) => ({
    eigenvalue: epoch % 2 === 0 ? value(epoch / 2) : null,
  });
  const rule = { kind: 'eigenvalue-ratio' };

  it('compares means of five checks that are four checks apart, and returns to the earlier', () => {
    // Checks in epochs 0, 2, ...; from check 11 on 2.6 instead of 1. The mean of five is 1.32 first, in epoch 22.
    const stop = run(
      rule,
      epochs(
        50,
        every2((check) => (check < 11 ? 1 : 2.6)),
      ),
    );
    expect(stop).toMatchObject({ epoch: 22, returnTo: 14 });
    expect(stop!.reason).toContain('1.32');
    expect(
      run(
        rule,
        epochs(
          50,
          every2((check) => (check < 11 ? 1 : 2.5)),
        ),
      )?.epoch,
    ).toBe(24);
  });

  it('does not return to before epoch 10', () => {
    const growing = every2((check) => 1.2 ** check);
    expect(run(rule, epochs(50, growing))).toMatchObject({ epoch: 18, returnTo: 10 });
    expect(run({ ...rule, from: 0 }, epochs(50, growing))).toMatchObject({ epoch: 16, returnTo: 8 });
  });

  it('goes on while nothing grows, or where there is no ratio', () => {
    expect(
      run(
        rule,
        epochs(
          60,
          every2(() => 1),
        ),
      ),
    ).toBeNull();
    expect(
      run(
        rule,
        epochs(
          60,
          every2((check) => 1 / (check + 1)),
        ),
      ),
    ).toBeNull();
    expect(
      run(
        rule,
        epochs(
          60,
          every2(() => -1),
        ),
      ),
    ).toBeNull();
    expect(run(rule, epochs(60))).toBeNull();
  });

  it('refuses an eigenvalue that is no number', () => {
    expect(() => run(rule, [observation(0, { eigenvalue: Number.NaN })])).toThrow(NonFiniteError);
  });
});

describe('configurations of stoppers', () => {
  it('fill in what the papers say', () => {
    const parsed = (kind: string): StopperConfig => stopperSchema.parse({ kind });
    expect(parsed('skip-count')).toMatchObject({ skips: 2, group: 'normal' });
    expect(parsed('rank-stability')).toMatchObject({ epochs: 10 });
    expect(parsed('eigenvalue-ratio')).toMatchObject({ ratio: 1.3, window: 5, apart: 4, from: 10 });
  });

  it.each([
    [{ kind: 'patience' }],
    [{ kind: 'skip-count', skips: 0 }],
    [{ kind: 'rank-stability', epochs: 1.5 }],
    [{ kind: 'eigenvalue-ratio', ratios: 2 }],
  ])('refuse %j', (config) => {
    expect(stopperSchema.safeParse(config).success).toBe(false);
  });
});
