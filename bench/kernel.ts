/**
 * Times the implementations of one kernel side by side on random operands.
 *
 *     npm run bench:kernel -- --kernel conv2d_fprop --problem "N=128 H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1"
 *
 * The problem is what the verbose log (LAPIDARY_VERBOSE=1) prints. `--implementation ref` or `avx2:implicit_gemm` picks some;
 * otherwise every one that accepts the problem has its turn, but ref. Times are those of a call on host arrays, so they hold
 * the packing of a filter and the allocation of workspace, which a network pays once.
 */

import { parseArgs } from 'node:util';
import { device } from '../lib/device.js';
import { addon } from '../lib/native-addon.js';
import { formatTable } from '../lib/report/table.js';
import { randomSource } from '../test/kernels/harness.js';
import { quantile } from './statistics.js';

const { values: options } = parseArgs({
  options: {
    kernel: { type: 'string' },
    problem: { type: 'string', default: '' },
    implementation: { type: 'string' },
    rounds: { type: 'string', default: '20' },
  },
});
const { kernel, problem, implementation: wanted } = options;
if (kernel === undefined) {
  console.error(`--kernel: expected one of ${addon.kernels().join(', ')}`);
  process.exit(2);
}

const random = randomSource(1);
const specs = addon.kernelOperands(kernel, problem);
const operands = specs.map(({ dtype, count }) => {
  if (count === 0) return null;
  if (dtype === 'i32') return new Int32Array(count); // labels and indices: 0 is in every range
  if (dtype === 'u8') return Uint8Array.from({ length: count }, () => 256 * random());
  return Float32Array.from({ length: count }, () => 2 * random() - 1);
});
const bytes = specs.reduce((sum, { dtype, count }) => sum + count * (dtype === 'u8' ? 1 : 4), 0);

const chosen = addon
  .kernelImplementations(kernel, problem)
  .filter(({ refusal }) => refusal === '')
  .map(({ isa, name }) => ({ id: `${isa}:${name}`, name }))
  .filter(({ id, name }) => (wanted === undefined ? name !== 'ref' : wanted === id || wanted === name));
const times = new Map(chosen.map(({ id }) => [id, [] as number[]]));
for (let round = -2; round < Number(options.rounds); round++) {
  for (const [id, list] of times) {
    const start = performance.now();
    addon.runKernel(kernel, problem, id, operands);
    if (round >= 0) list.push(performance.now() - start);
  }
}

console.log(`${kernel} ${problem}\n${device()}; operands ${(bytes / 1e6).toFixed(2)} MB\n`);
const rows = [...times].map(([id, list]) => {
  const median = quantile(list, 0.5);
  return [
    id,
    quantile(list, 0).toFixed(4),
    median.toFixed(4),
    quantile(list, 0.99).toFixed(4),
    (bytes / median / 1e6).toFixed(1),
  ];
});
console.log(
  formatTable({ columns: ['implementation', 'min (ms)', 'median (ms)', 'p99 (ms)', 'GB/s'], rows }),
);
