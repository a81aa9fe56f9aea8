import { expect, it } from 'vitest';
import { runJson } from './child.js';

it('over 300 steps after the first 20, resident memory grows under 2 MiB and no tensor is left', async () => {
  // What V8 takes in a young process (it compiles hot functions, and its young generation grows to 16 MiB and more) is left
  // out, or it would hide what the engine does.
  const nodeArgs = ['--expose-gc', '--no-opt', '--max-semi-space-size=1'];
  const { growth, liveTensors, active } = (await runJson('memory-growth', { nodeArgs })) as {
    growth: number;
    liveTensors: number[];
    active: number[];
  };
  expect(growth).toBeLessThan(2 << 20);
  expect(new Set(liveTensors).size).toBe(1);
  expect(new Set(active).size).toBe(1);
});
