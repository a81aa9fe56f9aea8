/**
 * For tests that count live tensors or bytes: what earlier tests leaked is found by the collector, and released, before each
 * test, not in the middle of it.
 */

import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { beforeEach } from 'vitest';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

beforeEach(async () => {
  collect();
  // Finalizers run in turns of the event loop after the collection.
  for (let turn = 0; turn < 3; turn++) await setImmediate();
});
