import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';
import '../collect-garbage.js';

/** A grouped convolution, a normalisation, and a linear layer behind a flattened [2, 3, 4] map. */
class Network extends L.Module {
  readonly normalize = new L.Normalize({ mean: [0.5, 0.5], std: [0.25, 0.25] });
  readonly features = [
    new L.Conv2d(2, 4, [3, 1], { padding: [1, 0], groups: 2 }),
    'relu',
    new L.BatchNorm2d(4),
  ] as const;
  readonly classifier = new L.Linear(24, 5, { flattenedFrom: [2, 3, 4] });

  override forward(x: L.Tensor): L.Tensor {
    const [conv, , bn] = this.features;
    const y = bn.forward(conv.forward(this.normalize.forward(x)).relu());
    return this.classifier.forward(y.reshape([-1, 24]));
  }
}

const host = (shape: number[], data: ArrayLike<number>): HostTensor => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(data),
});
const count = (length: number): number[] => Array.from({ length }, (_, i) => i);

function torchState(): Map<string, HostTensor> {
  return new Map([
    ['features.0.weight', host([4, 1, 3, 1], count(12))],
    ['features.0.bias', host([4], count(4))],
    ['features.2.weight', host([4], count(4))],
    ['features.2.bias', host([4], count(4))],
    ['features.2.running_mean', host([4], count(4))],
    ['features.2.running_var', host([4], [1, 2, 3, 4])],
    ['features.2.num_batches_tracked', { dtype: 'i32', shape: [], data: new Int32Array([7]) }],
    ['classifier.weight', host([5, 24], count(120))],
    ['classifier.bias', host([5], count(5))],
  ]);
}

describe('PyTorch states', () => {
  it('come in, and go out as they came but for the counters', async () => {
    using network = new Network();
    const state = torchState();
    L.fromTorchState(network, state);
    state.delete('features.2.num_batches_tracked');
    expect(await L.toTorchState(network)).toEqual(state);
    expect([...network.normalize.std.dataSync()]).toEqual([0.25, 0.25]);
  });

  it('have filters [K, C, R, S], which are [K, R, S, C] here', async () => {
    using conv = new L.Conv2d(3, 2, [2, 1], { bias: false });
    const at = (k: number, c: number, r: number): number => 100 * k + 10 * c + r;
    const torch = [0, 1].flatMap((k) => [0, 1, 2].flatMap((c) => [0, 1].map((r) => at(k, c, r))));
    const own = [0, 1].flatMap((k) => [0, 1].flatMap((r) => [0, 1, 2].map((c) => at(k, c, r))));
    L.fromTorchState(conv, new Map([['weight', host([2, 3, 2, 1], torch)]]));
    expect([...conv.weight.dataSync()]).toEqual(own);
    expect([...(await L.toTorchState(conv)).get('weight')!.data]).toEqual(torch);
  });

  it('have the columns of a flattened [C, H, W] map, which is [H, W, C] here: on one of 7 x 7 x 512', async () => {
    const [height, width, channels] = [7, 7, 512];
    const size = height * width * channels;
    using layer = new L.Linear(size, 2, { bias: false, flattenedFrom: [height, width, channels] });
    const weights = Float32Array.from({ length: 2 * size }, (_, i) => Math.sin(i));
    L.fromTorchState(layer, new Map([['weight', host([2, size], weights)]]));
    // A map that is one at one place picks one column.
    for (const [h, w, c] of [
      [0, 0, 0],
      [3, 5, 17],
      [6, 6, 511],
      [0, 1, 256],
    ] as const) {
      const map = new Float32Array(size);
      map[(h * width + w) * channels + c] = 1;
      const column = (c * height + h) * width + w;
      const output = L.scope(() => layer.forward(L.tensor(map).reshape([1, size])).dataSync());
      expect([...output]).toEqual([weights[column], weights[size + column]]);
    }
    expect((await L.toTorchState(layer)).get('weight')).toEqual(host([2, size], weights));
    expect(() => new L.Linear(24, 2, { flattenedFrom: [2, 3, 5] })).toThrow(L.ArgumentError);
  });

  it('load whole or not at all, and all that is wrong is told at once', async () => {
    using network = new Network();
    const before = await network.hostState();
    const state = torchState();
    state.delete('features.2.running_mean');
    state.delete('classifier.bias');
    state.set('fc.bias', host([5], count(5)));
    state.set('features.0.num_batches_tracked', host([], [1]));
    state.set('features.0.weight', host([4, 3, 1, 1], count(12)));
    state.set('features.2.bias', { dtype: 'i32', shape: [4], data: new Int32Array(4) });
    let error: unknown;
    try {
      L.fromTorchState(network, state);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(L.StateMismatchError);
    expect(error).toBeInstanceOf(L.ArgumentError);
    expect(error).toMatchObject({
      code: 'ERR_ARGUMENT',
      missing: ['features.2.running_mean', 'classifier.bias'],
      unexpected: ['fc.bias', 'features.0.num_batches_tracked'],
      misfits: [
        'features.0.weight f32[4, 1, 3, 1], got f32[4, 3, 1, 1]',
        'features.2.bias f32[4], got i32[4]',
      ],
    });
    expect((error as Error).message).toContain(
      'missing: features.2.running_mean, classifier.bias; unexpected:',
    );
    const short = torchState().set('features.2.bias', {
      dtype: 'f32',
      shape: [4],
      data: new Float32Array(3),
    });
    expect(() => L.fromTorchState(network, short)).toThrow(/features.2.bias/);
    expect(await network.hostState()).toEqual(before);
  });
});
