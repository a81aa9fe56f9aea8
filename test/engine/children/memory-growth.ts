// Trains ResNet-8 for 320 steps and prints how resident memory grew over the last 300.
import * as L from '../../../lib/index.js';
import { resnet8, Training } from '../training.js';

const collect = (globalThis as { gc?: () => void }).gc!;
const training = new Training(resnet8(), 8);
const resident = async (): Promise<number> => {
  await L.device().synchronize();
  collect();
  return process.memoryUsage.rss();
};

await training.run(20);
const before = await resident();
const liveTensors: number[] = [];
const active: number[] = [];
for (let round = 0; round < 6; round++) {
  await training.run(50);
  await L.device().synchronize();
  liveTensors.push(L.memory().liveTensors);
  active.push(L.memory().active);
}
const growth = (await resident()) - before;
console.log(JSON.stringify({ growth, liveTensors, active }));
