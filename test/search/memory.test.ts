import { expect, it } from 'vitest';
import { resolveConfig } from '../../lib/config.js';
import { emptyMemoryCache, memory, rand, resetPeakMemory, scope, tensor } from '../../lib/index.js';
import { phasesOf, searchDefaults, searchSchema } from '../../lib/search/config.js';
import { SearchPhase } from '../../lib/search/phase.js';
import { spaceOf } from '../../lib/search/spaces/registry.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

/** The most bytes that a step of a method takes, in the space of DARTS, with what the network itself holds. */
async function peakOf(method: string): Promise<number> {
  const sets = [`method=${method}`, 'batch=8', 'space.cells=5', 'space.channels=8'];
  const [config] = phasesOf(await resolveConfig(searchSchema, { defaults: searchDefaults, sets }));
  using phase = new SearchPhase(config!, spaceOf(config!.space).groups(config!.space), {
    classes: 10,
    normalization,
    seed: 1,
  });
  return await scope(async () => {
    const images = rand([8, 16, 16, 3], { seed: 1 });
    const labels = tensor(Int32Array.from({ length: 8 }, (_, i) => i));
    const batch = { images, labels, views: [images], index: labels, size: 8, epoch: 0, step: 0 };
    emptyMemoryCache();
    resetPeakMemory();
    for (let step = 0; step < 2; step++) await (await phase.step(batch, batch, { epoch: 0, step })).done;
    return memory().peak;
  });
}

it('a step of GDAS, which computes one candidate an edge, takes less than half of that of DARTS', async () => {
  const [darts, gdas] = [await peakOf('darts'), await peakOf('gdas')];
  expect(gdas).toBeLessThan(darts / 2);
});
