// Ends in the way that its argument names, most of them while a step is queued.
import * as L from '../../../lib/index.js';
import { resnet8, Training } from '../training.js';

const training = new Training(resnet8(), 32);

switch (process.argv[2]) {
  case 'return': // nothing is awaited: the rest of the work is dropped
    for (let step = 0; step < 8; step++) training.step().dispose();
    break;
  case 'exit':
    for (let step = 0; step < 8; step++) void training.step().data();
    process.exit(0);
    break;
  case 'throw':
    for (let step = 0; step < 8; step++) training.step().dispose();
    throw new Error('thrown in mid-step');
  case 'idle': // nothing pending keeps the process alive
    training.step().dispose();
    await L.device().synchronize();
    break;
  case 'awaited': // a pending promise does
    void training
      .step()
      .data()
      .then(() => console.log('arrived'));
    break;
}
