/**
 * One step of a workload with its kernels in the verbose log: what it comes to in FLOPs and bytes, or a problem file of it.
 *
 *     node --import tsx bench/logged-step.ts resnet20 2>&1 >/dev/null | npx lapidary bench --file - --mode list
 */

import { addon } from '../lib/native-addon.js';
import { workloadNamed } from './workloads/index.js';
import { DEFAULT_SEED } from './workloads/inputs.js';
import { runSteps } from './workloads/workload.js';

const workload = workloadNamed(process.argv[2] ?? '');
const work = await workload.create(workload.batch, DEFAULT_SEED);
await runSteps(work, 1); // what only the first step does
addon.setVerbose(true);
await runSteps(work, 1);
addon.setVerbose(false);
