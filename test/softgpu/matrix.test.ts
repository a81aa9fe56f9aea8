import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const build = join(dirname(fileURLToPath(import.meta.url)), '../../build/softgpu');

// cuda/softgpu/isa/*_test.cpp; what failed is in the output.
it.each([
  ['matrix_test', 'fragments are laid out as the tables of CUTLASS say', 170],
  ['tensor_core_test', "sums are A100's bit for bit, or an f32 chain", 95],
  ['fragments_test', 'fragments that do not belong together are found, right ones are not accused', 20],
])('%s: %s', (name, _, least) => {
  const { status, stdout, stderr, error } = spawnSync(join(build, name), {
    encoding: 'utf8',
    env: { ...process.env, SOFTGPU_QUIET: '1' },
  });
  expect(error).toBeUndefined();
  expect({ failures: stdout.split('\n').slice(0, -2), stderr, status }).toEqual({
    failures: [],
    stderr: '',
    status: 0,
  });
  expect(Number(/^(\d+) passed, 0 failed$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(least);
});
