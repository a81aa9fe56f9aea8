// The main thread never loads the addon: workers do, one after the other, and the process outlives them.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const file = new URL('./worker.mjs', import.meta.url);
let ended = 0;
for (const task of ['train', 'train-forever', 'fail-forever', 'fail-forever', 'train-forever', 'train']) {
  const worker = new Worker(file, {
    workerData: { task, data: { steps: 2, seed: 1 } },
  });
  await once(worker, 'message');
  await worker.terminate();
  ended++;
}
console.log(`${ended} workers ended`);
