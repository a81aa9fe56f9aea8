import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// One file at a time: networks of hundreds of megabytes, and engines that use every core.
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/interchange/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    environment: 'node',
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 240_000,
    hookTimeout: 600_000,
  },
});
