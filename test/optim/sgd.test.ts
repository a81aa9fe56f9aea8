import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

/** torch.optim.SGD in float64. */
function reference(
  start: readonly number[],
  gradients: readonly (readonly number[])[],
  { rate, momentum = 0, decay = 0, nesterov = false }: L.SGDOptions,
): number[] {
  return start.map((initial, i) => {
    let weight = initial;
    let velocity = 0;
    for (const gradient of gradients) {
      const g = gradient[i]! + decay * weight;
      velocity = momentum * velocity + g;
      weight -= rate * (nesterov ? g + momentum * velocity : velocity);
    }
    return weight;
  });
}

const start = [1, -2, 0.5];
const gradients = [
  [0.1, 0.2, -0.3],
  [0.5, -0.2, 0.1],
  [0, 0.3, 0.3],
];

function apply(optimizer: L.SGD, parameter: L.Parameter, steps: readonly (readonly number[])[]): void {
  L.scope(() => {
    for (const gradient of steps) {
      parameter.grad = L.tensor(gradient);
      optimizer.step();
      optimizer.zeroGrad();
    }
  });
}

describe('SGD', () => {
  it.each<L.SGDOptions>([
    { rate: 0.1 },
    { rate: 0.1, decay: 0.01 },
    { rate: 0.1, momentum: 0.9 },
    { rate: 0.1, momentum: 0.9, decay: 0.01, nesterov: true },
  ])('moves as torch.optim.SGD: %o', (options) => {
    using weight = new L.Parameter(L.tensor(start));
    using optimizer = new L.SGD([['weight', weight]], options);
    apply(optimizer, weight, gradients);
    const values = weight.dataSync();
    for (const [i, expected] of reference(start, gradients, options).entries()) {
      expect(values[i]).toBeCloseTo(expected, 6);
    }
  });

  it('reads the rate when a step runs', () => {
    using weight = new L.Parameter(L.tensor([0]));
    using optimizer = new L.SGD([['weight', weight]], { rate: 1 });
    apply(optimizer, weight, [[1]]);
    optimizer.rate = 0.25;
    apply(optimizer, weight, [[1]]);
    optimizer.rate = 0;
    apply(optimizer, weight, [[1]]);
    expect(weight.itemSync()).toBe(-1.25);
    expect(() => {
      optimizer.rate = -1;
    }).toThrow(L.ArgumentError);
  });

  it('leaves parameters without a gradient alone, and vectors undecayed when told so', () => {
    using matrix = new L.Parameter(L.ones([1, 1]));
    using vector = new L.Parameter(L.ones([1]));
    using idle = new L.Parameter(L.ones([1, 1]));
    const parameters: [string, L.Parameter][] = [
      ['matrix', matrix],
      ['vector', vector],
      ['idle', idle],
    ];
    using optimizer = new L.SGD(parameters, { rate: 1, decay: 0.5, decayVectors: false });
    L.scope(() => {
      matrix.grad = L.zeros([1, 1]);
      vector.grad = L.zeros([1]);
    });
    optimizer.step();
    expect([matrix, vector, idle].map((parameter) => parameter.itemSync())).toEqual([0.5, 1, 1]);
  });

  it('goes on from its state to the same bits', async () => {
    const options = { rate: 0.1, momentum: 0.9 };
    using a = new L.Parameter(L.tensor(start));
    using straight = new L.SGD([['weight', a]], options);
    apply(straight, a, gradients.slice(0, 2));
    const state = await straight.state();
    expect([...state.tensors.keys()]).toEqual(['momentum.weight']);
    using b = new L.Parameter(L.tensor(await a.data()));
    using resumed = new L.SGD([['weight', b]], { ...options, rate: 7 });
    resumed.loadState(state);
    expect(resumed.rate).toBe(0.1);
    apply(straight, a, gradients.slice(2));
    apply(resumed, b, gradients.slice(2));
    expect(b.dataSync()).toEqual(a.dataSync());
    const foreign = {
      ...state,
      tensors: new Map([['momentum.other', state.tensors.get('momentum.weight')!]]),
    };
    expect(() => resumed.loadState(foreign)).toThrow(L.ArgumentError);
  });

  it('gives its slot and memory back', () => {
    const before = L.memory().liveTensors;
    using weight = new L.Parameter(L.ones([4]));
    for (let i = 0; i < 100; i++) new L.SGD([['weight', weight]], { rate: 1, momentum: 0.5 }).dispose();
    expect(L.memory().liveTensors).toBe(before + 1);
  });

  it.each<Partial<L.SGDOptions>>([{ momentum: 1 }, { decay: -1 }, { nesterov: true }, { rate: Number.NaN }])(
    'refuses %o',
    (options) => {
      expect(() => new L.SGD([], { rate: 0.1, ...options })).toThrow(L.ArgumentError);
    },
  );
});
