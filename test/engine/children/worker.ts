// What a worker thread of workers.test.ts does; `workerData.task` says which.
import { parentPort, workerData } from 'node:worker_threads';
import * as L from '../../../lib/index.js';
import { addon } from '../../../lib/native-addon.js';
import { resnet8, Training, trained } from '../training.js';

const { task, data } = workerData as { task: string; data: unknown };
const port = parentPort!;

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

switch (task) {
  case 'train': {
    const { steps, seed } = data as { steps: number; seed: number };
    port.postMessage(await trained(steps, seed));
    break;
  }
  case 'fail':
    L.gather(L.ones([2]), L.tensor(Int32Array.of(2)));
    await L.device()
      .synchronize()
      .catch((error: L.LapidaryError) => port.postMessage(error.code));
    break;
  case 'use-handles':
    // As many tensors of its own, so that the slots exist here too.
    for (let count = 0; count < 60; count++) L.ones([2]);
    port.postMessage((data as number[]).map((handle) => codeOf(() => addon.toHostSync(handle))));
    break;
  case 'train-forever': {
    const training = new Training(resnet8(), 16);
    for (let step = 0; ; step++) {
      const loss = training.step();
      void loss.data();
      if (step === 2) port.postMessage('under way');
      if (step % 4 === 0) await loss.item();
      loss.dispose();
    }
  }
  case 'fail-forever':
    port.postMessage('under way');
    for (;;) codeOf(() => addon.info(12345));
}
