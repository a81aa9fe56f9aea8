// Trains ResNet-8 and prints how resident memory grew over 300 steps, after a warm-up of so many as the argument says.
import * as L from '../../../lib/index.js';
import { resnet8, Training } from '../training.js';

const collect = (globalThis as { gc?: () => void }).gc!;
const training = new Training(resnet8(), 8);
const resident = async (): Promise<number> => {
  await L.device().synchronize();
  collect();
  return process.memoryUsage.rss();
};

await training.run(Number(process.argv[2]));
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
