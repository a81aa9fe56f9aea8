import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { occupyStream } from './training.js';

it('the event loop turns at least a hundred times while seconds of work are queued', async () => {
  const start = performance.now();
  occupyStream();
  L.device().synchronizeSync();
  const rounds = Math.ceil(2000 / (performance.now() - start));

  const from = performance.now();
  occupyStream(rounds);
  const enqueued = performance.now() - from;
  let pending = true;
  const done = L.device()
    .synchronize()
    .then(() => {
      pending = false;
    });
  let turns = 0;
  while (pending) {
    await turn();
    turns++;
  }
  await done;
  const total = performance.now() - from;
  expect(total).toBeGreaterThan(500);
  expect(enqueued).toBeLessThan(total / 2);
  expect(turns).toBeGreaterThan(100);
});
