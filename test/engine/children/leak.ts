// Leaks tensors, with and without a scope, lets the collector run, and prints the counters.
import { setImmediate as turn } from 'node:timers/promises';
import * as L from '../../../lib/index.js';

const collect = (globalThis as { gc?: () => void }).gc!;
const counters = (): { liveTensors: number; active: number } => {
  const { liveTensors, active } = L.memory();
  return { liveTensors, active };
};

function leak(count: number): void {
  for (let index = 0; index < count; index++) {
    if (index % 2 === 0) L.ones([10_000]);
    else L.own(L.scope(() => L.ones([10_000])));
  }
}

const before = counters();
leak(300);
const leaked = counters();
for (let round = 0; round < 100 && counters().liveTensors > before.liveTensors; round++) {
  collect();
  await turn();
}
console.log(JSON.stringify({ before, leaked, after: counters() }));
