import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const build = join(dirname(fileURLToPath(import.meta.url)), '../../build/softgpu');

// Executables of cuda/softgpu that need neither nvcc nor a kernel file, and how many checks each has at least.
const executables: readonly [name: string, checks: number][] = [
  ['parser_test', 130],
  ['image_test', 30],
  ['device_memory_test', 160],
  ['driver_test', 360],
  ['order_test', 2900],
  ['graph_test', 320],
];

describe('softgpu from inside: parser, images, memory, the driver API, order, graphs', () => {
  it.each(executables)('%s', (name, checks) => {
    const { status, stdout, stderr } = spawnSync(join(build, name), { encoding: 'utf8' });
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/m.exec(stdout) ?? [];
    expect({ failed, status }, stdout.slice(-2000) + stderr.slice(-2000)).toEqual({ failed: '0', status: 0 });
    expect(Number(passed)).toBeGreaterThanOrEqual(checks);
  });
});
