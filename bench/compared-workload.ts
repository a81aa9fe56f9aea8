/** Started by peers.ts, once for each workload, so that one's memory is not another's: compares it, and sends the result. */

import { type ComparisonOptions, compare } from './comparison.js';
import { workloadNamed } from './workloads/index.js';

const [name, options] = process.argv.slice(2) as [string, string];
try {
  const comparison = await compare(workloadNamed(name), JSON.parse(options) as ComparisonOptions);
  process.send!(comparison);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
