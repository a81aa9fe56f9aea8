import { defineConfig } from 'vitest/config';

// softgpu's own tests: npm run test:softgpu (scripts/softgpu.mjs), which builds what they need.
export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    include: ['test/softgpu/**/*.test.ts'],
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
