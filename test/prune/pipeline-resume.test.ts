import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { temporaryFolder } from '../temporary-folder.js';

const recipe = { objective: { kind: 'standard' }, batch: 16, epochs: 2 };

const configOf = (prune: object) =>
  L.pruneSchema.parse({
    data: { source: 'shapes10:5', train: 32, validation: 8, test: 8 },
    dense: recipe,
    sensitivity: { images: 8, steps: 1, epsilons: [0.05], stepsPerEpsilon: 1 },
    prune,
    finetune: recipe,
    evaluation: { steps: 1, validationSteps: 1, latencyRounds: 1 },
  });

it.each([
  // Nothing is removed: the dense network's checkpoint would fit the pruned one.
  { prune: { structure: 'channels', budget: 1 }, name: 'l2-rank' },
  { prune: { structure: 'weights' }, name: 'magnitude-rank' },
])('stopped in every stage, $prune ends with the same networks', async ({ prune, name }) => {
  const config = configOf(prune);
  /** Runs until the second advance of the stage. */
  const runUntil = async (run: L.RunFolder, stop?: string) => {
    const controller = new AbortController();
    let stage = '';
    let advances = 0;
    const progress = {
      stage(title: string) {
        stage = title;
      },
      log() {},
      advance: () => void (stage === stop && ++advances === 2 && controller.abort()),
    };
    return L.runPruning(config, { run, progress, signal: controller.signal });
  };
  const whole = await L.RunFolder.open(join(temporaryFolder(), 'whole'), config);
  const expected = await runUntil(whole);

  const path = join(temporaryFolder(), 'stopped');
  for (const [i, stage] of ['dense', 'sensitivity', `fine-tune ${name}`, 'evaluate'].entries()) {
    const run = await L.RunFolder.open(path, config, { resume: i > 0 });
    await expect(runUntil(run, stage), stage).rejects.toMatchObject({ code: 'ERR_ABORTED', resumable: true });
  }
  const resumed = await L.RunFolder.open(path, config, { resume: true });
  const result = await runUntil(resumed);

  const bytes = (run: L.RunFolder, model: string) =>
    readFileSync(join(run.path, 'models', `${model}.safetensors`));
  for (const model of ['dense', `${name}-pruned`, name]) {
    expect(bytes(resumed, model).equals(bytes(whole, model)), model).toBe(true);
  }
  const accuracies = ({ networks }: L.PruneResult) =>
    networks.map(({ name, clean, fgsm, pgd }) => ({ name, clean, fgsm, pgd }));
  expect(accuracies(result)).toEqual(accuracies(expected));
  expect(result.variants).toEqual(expected.variants);
});
