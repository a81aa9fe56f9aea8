// Trains a small network on pictures that lapidary draws, removes half of its multiply-accumulates, fine-tunes what is
// left against attacks (TRADES), and attacks both.
import * as L from 'lapidary';

const inputShape = [32, 32, 3];
const epsilon = 2 / 255;
const data = await L.shapes10({ train: 3072, test: 512 });
const augmentation = { pad: 2, flip: true };
const batches = new L.Loader(data.train, { batch: 64, shuffle: true, augmentation });

async function train(
  model: L.SpecModel,
  objective: L.Objective,
  rate: number,
  epochs: number,
): Promise<void> {
  using optimizer = new L.SGD(model.namedParameters(), { rate, momentum: 0.9, nesterov: true, decay: 5e-4 });
  const schedule = L.oneCycleSchedule({ rate, steps: epochs * batches.steps });
  await new L.Trainer({ model, optimizer, schedule, objective, batches, epochs }).run();
}

const model = L.buildModel('resnet8', { classes: 10, normalization: data.normalization, seed: 0 });
await train(model, L.standardObjective(), 0.1, 5);

const choice = { criterion: 'l2', ratios: 'uniform', measure: 'macs', budget: 0.5 } as const;
const { kept } = await L.planChannels(model, [], { ...choice, seed: 0, inputShape });
const pruned = L.removeChannels(model, kept);
await train(pruned, L.tradesObjective({ beta: 2, epsilon, steps: 2, seed: 0 }), 0.05, 2);

const test = new L.Loader(await data.test.readOnce(), { batch: 128 });
const attacks = [L.fgsmAttack({ epsilon }), L.pgdAttack({ epsilon, steps: 10 })];
for (const network of [model, pruned]) {
  const { clean, underAttack } = await L.evaluateRobustness(network, test, attacks);
  console.log({ macs: L.complexity(network, inputShape).macs, clean, ...underAttack });
}
