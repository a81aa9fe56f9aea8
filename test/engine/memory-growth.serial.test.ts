import { expect, it } from 'vitest';
import { runJson } from './child.js';

interface Growth {
  readonly growth: number;
  readonly liveTensors: readonly number[];
  readonly active: readonly number[];
}

async function measure(warmUp: number, nodeArgs: readonly string[]): Promise<Growth> {
  const args = [String(warmUp)];
  return (await runJson('memory-growth', { args, nodeArgs: ['--expose-gc', ...nodeArgs] })) as Growth;
}

function expectNoGrowth({ growth, liveTensors, active }: Growth): void {
  expect(growth).toBeLessThan(2 << 20);
  expect(new Set(liveTensors).size).toBe(1);
  expect(new Set(active).size).toBe(1);
}

it('over 300 steps after the first 20, resident memory grows under 2 MiB and no tensor is left', async () => {
  // V8 without its optimising compiler and with a fixed young generation: the first few hundred steps of a fresh process
  // are when it compiles hot functions, which takes it several MiB once and hides what the engine does.
  expectNoGrowth(await measure(20, ['--no-opt', '--max-semi-space-size=1']));
});

it('with V8 as it is, the same holds once its code is compiled', async () => {
  expectNoGrowth(await measure(350, []));
});
