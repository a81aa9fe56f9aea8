import { describe, expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import '../collect-garbage.js';

/** Runs `body` on a network of one matrix and two vectors, all ones, whose gradients are zeros. */
function withParameters(body: (parameters: [string, L.Parameter][]) => void): void {
  const parameters: [string, L.Parameter][] = [
    ['conv.weight', new L.Parameter(L.ones([1, 1]))],
    ['fc.weight', new L.Parameter(L.ones([1, 1]))],
    ['fc.bias', new L.Parameter(L.ones([1]))],
  ];
  L.scope(() => {
    for (const [, parameter] of parameters) parameter.grad = L.zeros(parameter.shape);
    body(parameters);
  });
  for (const [, parameter] of parameters) parameter.dispose();
}

const values = (parameters: [string, L.Parameter][]) => parameters.map(([, weight]) => weight.itemSync());

describe('parameter groups', () => {
  it('have rate and decay of their own; the rest follows the optimiser', () => {
    withParameters((parameters) => {
      using optimizer = new L.SGD(parameters, {
        rate: 0.25,
        decay: 1,
        decayVectors: false,
        groups: [{ match: 'fc.*', rateFactor: 2, decay: 0.5 }],
      });
      optimizer.step();
      expect(values(parameters)).toEqual([0.75, 0.75, 0.75]);
    });
    withParameters((parameters) => {
      const groups = [{ match: (name: string) => name === 'conv.weight', rateFactor: 0 }];
      using optimizer = new L.SGD(parameters, { rate: 0.25, decay: 1, decayVectors: false, groups });
      optimizer.step();
      expect(values(parameters)).toEqual([1, 0.75, 1]);
    });
  });

  it.each([
    [[{ match: 'head.*' }], /head\.\*.*matches none of conv\.weight/],
    [
      [{ match: 'fc.*' }, { match: ['conv.*', '*.bias'] }],
      /fc\.bias is in conv\.\*, \*\.bias and in one before/,
    ],
    [[{ match: 'fc', decay: 0 }], /matches none/],
    [[{ match: 'fc.*', rateFactor: -1 }], /rateFactor/],
    [[{ match: 'fc.*', decay: Number.NaN }], /decay/],
  ] as [L.ParameterGroup[], RegExp][])('refuses %o', (groups, message) => {
    withParameters((parameters) => {
      expect(() => new L.SGD(parameters, { rate: 1, groups })).toThrow(L.ArgumentError);
      expect(() => new L.Adam(parameters, { rate: 1, groups })).toThrow(message);
    });
  });

  it('masks must be those of parameters', () => {
    withParameters((parameters) => {
      const make = (name: string, shape: number[]) => () =>
        new L.SGD(parameters, {
          rate: 1,
          masks: new Map([[name, L.tensor(new Uint8Array(1), shape)]]),
        });
      expect(make('conv.bias', [1])).toThrow(/no such parameter/);
      expect(make('conv.weight', [1])).toThrow(L.ArgumentError);
      using optimizer = make('conv.weight', [1, 1])();
      optimizer.step();
      expect(values(parameters)).toEqual([0, 1, 1]);
    });
  });
});
