/** A program for checkpoint.test.ts: it is killed while it saves the checkpoint of step 2 into the folder it is given. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { saveCheckpoint } from '../../lib/io/checkpoint.js';
import type { HostTensor } from '../../lib/io/host-tensor.js';

const dir = process.argv[2]!;
const data = new Float32Array(1000);

function bytesOnDisk(): number {
  const temporary = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes('.tmp'),
  );
  return temporary.reduce(
    (sum, name) => sum + (statSync(join(dir, name)).isFile() ? statSync(join(dir, name)).size : 0),
    0,
  );
}

const deadly: HostTensor = {
  dtype: 'f32',
  shape: [1000],
  get data() {
    if (bytesOnDisk() >= data.byteLength) process.kill(process.pid, 'SIGKILL');
    return data;
  },
};

await saveCheckpoint(dir, 1, new Map([['a', { dtype: 'f32', shape: [1000], data }]]), { epoch: 1 });
await saveCheckpoint(
  dir,
  2,
  new Map([
    ['a', { dtype: 'f32', shape: [1000], data }],
    ['b', deadly],
  ]),
  { epoch: 2 },
);
