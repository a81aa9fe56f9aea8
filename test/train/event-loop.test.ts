import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';

it('the event loop turns at least 100 times while a queued step is pending', async () => {
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  using model = L.modelFromSpec(L.resNetCifarSpec(20, { classes: 10, normalization }), 0);
  using optimizer = new L.SGD(model.namedParameters(), { rate: 0.1, momentum: 0.9 });
  const loss = L.scope(() => {
    const images = L.rand([128, 32, 32, 3], { seed: 1 });
    const labels = L.tensor(Int32Array.from({ length: 128 }, (_, i) => i % 10));
    const value = L.crossEntropy(model.forward(images), labels);
    value.backward();
    optimizer.step();
    return value.item();
  });
  let pending = true;
  const done = loss.then((value) => {
    pending = false;
    return value;
  });
  let turns = 0;
  while (pending) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  expect(Number.isFinite(await done)).toBe(true);
  expect(turns).toBeGreaterThanOrEqual(100);
});
