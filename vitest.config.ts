import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The engine itself uses every core, so at most two files run at a time. A test that measures time or memory goes into a
// file `*.serial.test.ts`: those run afterwards, one at a time, with the machine to themselves.
const exclude = ['test/interchange/**', 'test/softgpu/**', 'test/cuda/**', '**/node_modules/**'];
const common = {
  environment: 'node' as const,
  pool: 'forks' as const,
  testTimeout: 60_000,
  hookTimeout: 60_000,
};
const resolve = {
  alias: [{ find: /^lapidary$/, replacement: fileURLToPath(new URL('./lib/index.ts', import.meta.url)) }],
};

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        test: {
          ...common,
          name: 'parallel',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, '**/*.serial.test.ts'],
          maxWorkers: Math.min(2, availableParallelism()),
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        test: {
          ...common,
          name: 'serial',
          include: ['test/**/*.serial.test.ts'],
          exclude,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
