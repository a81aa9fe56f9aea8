import { expect, it } from 'vitest';
import { runJson } from './child.js';

it('tensors that nobody disposed are released once the garbage collector finds them', async () => {
  const { before, leaked, after } = (await runJson('leak', { nodeArgs: ['--expose-gc'] })) as Record<
    'before' | 'leaked' | 'after',
    { liveTensors: number; active: number }
  >;
  expect(leaked.liveTensors).toBe(before.liveTensors + 300);
  expect(leaked.active).toBeGreaterThan(before.active + 300 * 40_000);
  expect(after).toEqual(before);
});
