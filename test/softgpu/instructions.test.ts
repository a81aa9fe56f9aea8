import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const executable = join(dirname(fileURLToPath(import.meta.url)), '../../build/softgpu/instructions_test');

// The tables and what they leave open: cuda/softgpu/isa/instructions_test.cpp. What failed is in the output.
it('every instruction does what the PTX manual defines, on edge values', () => {
  const { status, stdout, stderr, error } = spawnSync(executable, { encoding: 'utf8' });
  expect(error).toBeUndefined();
  const failures = stdout.split('\n').filter((line) => !/^\d+ passed, 0 failed$/.test(line) && line !== '');
  expect({ failures: failures.slice(0, 40), stderr, status }).toEqual({
    failures: [],
    stderr: '',
    status: 0,
  });
  expect(Number(/^(\d+) passed/m.exec(stdout)?.[1])).toBeGreaterThan(4800);
}, 120_000);
