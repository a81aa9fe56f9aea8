// What a worker thread of workers.test.ts does; `workerData.task` says which.
import { parentPort, workerData } from 'node:worker_threads';
import * as L from '../../../lib/index.js';
import { addon } from '../../../lib/native-addon.js';
import { narrow, resnet8, Training, trained } from '../training.js';

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
  case 'replay': {
    const { steps, captures } = data as { steps: number; captures: number[] };
    const training = new Training(narrow, 8, 16, 1);
    const own = L.capture(() => training.step());
    const refused = captures.map((id) => codeOf(() => addon.replay(id, 0, 0)));
    for (let step = 1; step < steps; step++) own.replay();
    const loss = await own.outputs.item();
    const { rows } = await L.profile(() => own.replay());
    const profiled = rows.reduce((sum, { calls }) => sum + calls, 0);
    const signal = L.installSignalHandlers();
    const { aborted } = signal;
    signal.dispose();
    port.postMessage({ loss, refused, profiled: profiled === own.tasks, aborted });
    break;
  }
  case 'capture-forever': {
    // in the middle of a capture when it is terminated
    const training = new Training(resnet8(), 16);
    L.capture(() => {
      for (let step = 0; ; step++) {
        training.step().dispose();
        if (step === 2) port.postMessage('under way');
      }
    });
    break;
  }
  case 'replay-forever': {
    const training = new Training(resnet8(), 16);
    const step = L.capture(() => training.step());
    port.postMessage('under way');
    for (;;) step.replay();
  }
  case 'backward-forever': // in the middle of a backward function of JavaScript
    L.scope(() => {
      const x = L.tensor([1], undefined, { requiresGrad: true });
      const op = L.customOp<[L.Tensor], L.Tensor>({
        name: 'endless',
        forward: (_, a) => a.mul(2),
        backward({ gradients }) {
          port.postMessage('under way');
          for (;;) gradients[0]!.mul(2);
        },
      });
      op(x).backward();
    });
    break;
  case 'fail-forever':
    port.postMessage('under way');
    for (;;) codeOf(() => addon.info(12345));
}
