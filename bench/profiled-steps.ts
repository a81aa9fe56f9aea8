/** Started by kernel-profile.ts: a few steps whose kernels are logged to stderr. Arguments: batch, threads, steps. */

import { device } from '../lib/device.js';
import { addon } from '../lib/native-addon.js';
import { TrainingStep } from './training-step.js';

const [batch, threads, steps] = process.argv.slice(2).map(Number) as [number, number, number];
device().setThreads(threads);
const training = new TrainingStep(batch);
await training.run(3);
addon.setVerbose(true);
const { ms } = await training.run(steps);
addon.setVerbose(false);
process.stdout.write(`${ms / steps}\n`);
