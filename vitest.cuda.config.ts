import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// The CUDA backend over softgpu: npm run test:softgpu (scripts/softgpu.mjs), which builds what is needed and sets the
// environment. A file is a process of one softgpu thread.
export default defineConfig({
  resolve: {
    alias: [{ find: /^lapidary$/, replacement: fileURLToPath(new URL('./lib/index.ts', import.meta.url)) }],
  },
  test: {
    environment: 'node',
    pool: 'forks',
    include: ['test/kernels/**/*.test.ts', 'test/ops/**/*.test.ts', 'test/cuda/**/*.test.ts'],
    setupFiles: ['test/cuda/use-cuda.ts'],
    maxWorkers: availableParallelism(),
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
