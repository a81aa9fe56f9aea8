/** `lapidary attack`: how a trained network stands up to attacks. */

import type { Command } from 'commander';
import { z } from 'zod';

import { attackSchema, createAttack } from '../../attack/registry.js';
import { evaluateRobustness } from '../../attack/robust-accuracy.js';
import { ConfigError } from '../../errors.js';
import { formatTable } from '../../report/table.js';
import { dataSchema, evaluationBatches, openTrainingData } from '../../train/data-recipe.js';
import { loadModel } from '../../train/model-file.js';
import { addSharedOptions, runCommand } from '../command.js';
import { Progress } from '../progress.js';
import { commandConfig, setUpDevice } from './run-setup.js';

export const attackCommandSchema = z.strictObject({
  data: dataSchema.prefault({}),
  /** The images to attack: the test images, or the validation split of the training images. */
  images: z.enum(['test', 'validation']).default('test'),
  attacks: z
    .array(attackSchema)
    .min(1)
    .default([
      { kind: 'fgsm', epsilon: 8 / 255, norm: 'linf' },
      { kind: 'pgd', epsilon: 8 / 255, norm: 'linf', steps: 20, restarts: 1, randomStart: true },
    ]),
  /** Of the split and of random starts. */
  seed: z.int().nonnegative().default(0),
});

export function addAttackCommand(program: Command): void {
  const command = program
    .command('attack')
    .description('attack a trained network and print its accuracy under each attack')
    .argument('<model>', 'a model file that lapidary wrote (.safetensors)');
  addSharedOptions(command).action(
    runCommand(async (options, [path]) => {
      if (path === undefined)
        throw new ConfigError('A model file is needed: lapidary attack model.safetensors.');
      const config = await commandConfig(attackCommandSchema, options);
      setUpDevice(options);
      const progress = new Progress({ silent: options.quiet });
      using model = await loadModel(path);
      const attacks = config.attacks.map((attack) => createAttack(attack, config.seed));
      const data = await openTrainingData(config.data, config.seed);
      const test = config.images === 'test' ? await data.readTest() : undefined;
      try {
        const { set, indices } = test ?? { set: data.dataset.train, indices: data.validation };
        progress.stage('attack', { total: indices.length, unit: 'images' });
        const result = await evaluateRobustness(model, evaluationBatches(set, indices), attacks, {
          onBatch: (images) => progress.advance(images),
        });
        progress.finish();
        const rows = [
          ['none', 100 * result.clean],
          ...Object.entries(result.underAttack).map(([n, a]) => [n, 100 * a]),
        ];
        if (!options.json) {
          process.stdout.write(
            `${formatTable({ columns: ['attack', `${config.images} accuracy (%)`], rows })}\n`,
          );
        }
        return { ...result, data: data.dataset.name, set: config.images };
      } finally {
        test?.set.dispose();
        data.dataset.dispose();
      }
    }),
  );
}
