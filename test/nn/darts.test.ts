import { describe, expect, it } from 'vitest';
import { withStillStatistics } from '../../lib/attack/network-mode.js';
import {
  ArgumentError,
  Candidate,
  DartsArchitecture,
  type DartsMixture,
  DartsSearchNet,
  edgeCount,
  fromTorchState,
  grad,
  ones,
  rand,
  ShapeError,
  scope,
  tensor,
  toTorchState,
} from '../../lib/index.js';
import type { Parameter } from '../../lib/nn/parameter.js';
import { sizeOf } from '../../lib/shape.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
const tiny = { classes: 5, normalization, channels: 8, cells: 3, nodes: 2 };
const elements = (parameters: Iterable<Parameter>): number =>
  [...parameters].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

describe('the search network of DARTS', () => {
  it('has the 1,930,618 weights and 224 alphas of the reference', () => {
    using network = new DartsSearchNet({ classes: 10, normalization });
    using architecture = new DartsArchitecture(network.spec);
    expect(elements(network.parameters())).toBe(1_930_618);
    expect(elements(architecture.parameters())).toBe(224);
  });

  it('names its state as the reference', () => {
    using network = new DartsSearchNet(tiny);
    const names = new Set(network.stateDict().keys());
    for (const name of [
      'stem.1.running_var',
      'cells.0.preprocess0.op.1.weight',
      'cells.2.preprocess0.conv_2.weight',
      'cells.0._ops.4._ops.4.op.6.weight',
      'cells.1._ops.0._ops.1.1.running_mean',
      'cells.1._ops.0._ops.3.bn.running_var',
      'classifier.bias',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('computes and trains the active candidates only', () => {
    scope(() => {
      using network = new DartsSearchNet(tiny);
      const edges = edgeCount(tiny.nodes);
      const weights = ones([edges, 8]).mul(0.5);
      const one = { weights, active: Array.from({ length: edges }, () => [4]) };
      const mixture: DartsMixture = { normal: one, reduce: one };
      const leaves = [...network.namedParameters()];
      const logits = network.forward(rand([2, 12, 12, 3], { seed: 1 }), mixture);
      expect(logits.shape).toEqual([2, 5]);
      const gradients = grad(
        logits.square().sum(),
        leaves.map(([, leaf]) => leaf),
        { allowUnused: true },
      );
      for (const [index, [name]] of leaves.entries()) {
        const mixed = /_ops\.\d+\._ops\.(\d+)/.exec(name);
        expect(gradients[index] !== null, name).toBe(mixed === null || mixed[1] === '4');
      }
    });
  });

  it('takes candidates that are not active as weights of zero', () => {
    scope(() => {
      const edges = edgeCount(tiny.nodes);
      const x = rand([2, 12, 12, 3], { seed: 2 });
      const weights = tensor(Array.from({ length: edges }, () => [0, 0, 0, 0.25, 0, 0.75, 0, 0]));
      const active = Array.from({ length: edges }, () => [3, 5]);
      const logits = [{ weights }, { weights, active }].map((cell) => {
        using network = new DartsSearchNet(tiny, 7);
        return network.forward(x, { normal: cell, reduce: cell }).dataSync();
      });
      for (const [index, value] of logits[0]!.entries()) expect(logits[1]![index]).toBeCloseTo(value, 4);
    });
  });

  it('has a partial-channel form with a quarter of the channels in its candidates', () => {
    scope(() => {
      using network = new DartsSearchNet({ ...tiny, portion: 4 });
      using architecture = new DartsArchitecture(network.spec);
      expect(network.cells[0]!.edges[0]![4]!.filters[0]!.weight.shape).toEqual([2, 3, 3, 1]);
      expect(network.forward(rand([2, 12, 12, 3], { seed: 1 }), architecture.forward()).shape).toEqual([
        2, 5,
      ]);
    });
  });

  it('takes the counters of a PyTorch state, and keeps its statistics still while an attack searches', async () => {
    using network = new DartsSearchNet(tiny);
    using architecture = new DartsArchitecture(network.spec);
    const state = await toTorchState(network);
    const counter = { dtype: 'i32' as const, shape: [], data: Int32Array.of(5) };
    fromTorchState(network, new Map([...state, ['cells.0._ops.0._ops.1.1.num_batches_tracked', counter]]));
    const statistics = async () =>
      Promise.all([...network.namedBuffers()].map(async ([, buffer]) => [...(await buffer.data())]));
    const before = await statistics();
    const forward = async () =>
      scope(() => void network.forward(rand([2, 12, 12, 3], { seed: 4 }), architecture.forward()));
    await withStillStatistics(network, forward);
    expect(await statistics()).toEqual(before);
    await forward();
    expect(await statistics()).not.toEqual(before);
  });

  it('refuses what does not fit', () => {
    scope(() => {
      using network = new DartsSearchNet(tiny);
      const cell = { weights: ones([14, 8]) };
      const forward = () =>
        network.forward(rand([2, 12, 12, 3], { seed: 1 }), { normal: cell, reduce: cell });
      expect(forward).toThrow(ShapeError);
      expect(forward).toThrow('[5, 8], got [14, 8]');
      expect(() => new DartsSearchNet({ ...tiny, portion: 3 })).toThrow(ArgumentError);
      expect(() => new DartsSearchNet({ ...tiny, cells: 0 })).toThrow(ArgumentError);
    });
  });
});

describe('a candidate', () => {
  it('computes alone what an edge computes with a weight of one', () => {
    scope(() => {
      using candidate = new Candidate('skip_connect', 4, { stride: 2 });
      candidate.initialize(3);
      expect(candidate.forward(rand([1, 6, 6, 4], { seed: 1 })).shape).toEqual([1, 3, 3, 4]);
      using identity = new Candidate('skip_connect', 4);
      const x = rand([1, 3, 3, 4], { seed: 5 });
      expect(identity.forward(x).dataSync()).toEqual(x.dataSync());
    });
  });
});
