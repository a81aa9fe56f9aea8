import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { expectClose } from '../ops/finite-differences.js';
import '../collect-garbage.js';

const start = [1, -2, 0.5];
const gradients = [
  [0.1, 0.2, -0.3],
  [0.5, -0.2, 0.1],
  [0, 0.3, 0.3],
];

/** torch.optim.Adam and AdamW in float64. */
function reference({ rate, decay = 0 }: L.AdamOptions, decoupled: boolean): number[] {
  return start.map((initial, i) => {
    let [weight, first, second] = [initial, 0, 0];
    for (const [step, gradient] of gradients.entries()) {
      if (decoupled) weight *= 1 - rate * decay;
      const g = gradient[i]! + (decoupled ? 0 : decay * weight);
      first = 0.9 * first + 0.1 * g;
      second = 0.999 * second + 0.001 * g * g;
      const denominator = Math.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8;
      weight -= ((rate / (1 - 0.9 ** (step + 1))) * first) / denominator;
    }
    return weight;
  });
}

function apply(optimizer: L.Optimizer, parameter: L.Parameter, steps: readonly (readonly number[])[]): void {
  L.scope(() => {
    for (const gradient of steps) {
      parameter.grad = L.tensor(gradient);
      optimizer.step();
      optimizer.zeroGrad();
    }
  });
}

describe('Adam', () => {
  it.each([
    [L.Adam, { rate: 0.1 }],
    [L.Adam, { rate: 0.1, decay: 0.1 }],
    [L.AdamW, { rate: 0.1, decay: 0.1 }],
  ] as const)('%o moves as in torch.optim: %o', (Class, options) => {
    using weight = new L.Parameter(L.tensor(start));
    using optimizer = new Class([['weight', weight]], options);
    apply(optimizer, weight, gradients);
    expectClose(weight.dataSync(), reference(options, Class === L.AdamW), 1e-6);
    expect(optimizer.steps).toBe(3);
  });

  it('goes on from its state to the same bits, count of steps included', async () => {
    const options = { rate: 0.1, decay: 0.01 };
    using a = new L.Parameter(L.tensor(start));
    using straight = new L.AdamW([['weight', a]], options);
    apply(straight, a, gradients.slice(0, 2));
    const state = await straight.state();
    expect([...state.tensors.keys()]).toEqual(['first.weight', 'second.weight']);
    using b = new L.Parameter(L.tensor(await a.data()));
    using resumed = new L.AdamW([['weight', b]], options);
    resumed.loadState(state);
    apply(straight, a, gradients.slice(2));
    apply(resumed, b, gradients.slice(2));
    expect(b.dataSync()).toEqual(a.dataSync());
  });

  it('its kernels read the step from the step block: advance and apply are a step', () => {
    using a = new L.Parameter(L.tensor(start));
    using b = new L.Parameter(L.tensor(start));
    using whole = new L.Adam([['weight', a]], { rate: 0.1 });
    using halves = new L.Adam([['weight', b]], { rate: 0.1 });
    apply(whole, a, gradients);
    L.scope(() => {
      for (const gradient of gradients) {
        b.grad = L.tensor(gradient);
        halves.advance();
        halves.apply();
      }
    });
    expect(b.dataSync()).toEqual(a.dataSync());
  });

  it('gives its slots and memory back', () => {
    const before = L.memory().liveTensors;
    using weight = new L.Parameter(L.ones([4]));
    for (let i = 0; i < 100; i++) new L.Adam([['weight', weight]], { rate: 1 }).dispose();
    expect(L.memory().liveTensors).toBe(before + 1);
  });

  it.each<Partial<L.AdamOptions>>([{ betas: [1, 0.9] }, { epsilon: -1 }, { decay: -1 }, { rate: -1 }])(
    'refuses %o',
    (options) => {
      expect(() => new L.Adam([], { rate: 0.1, ...options })).toThrow(L.ArgumentError);
    },
  );
});
