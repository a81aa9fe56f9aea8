import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { channelCost } from '../../lib/prune/channel-cost.js';
import { channelWiring } from '../../lib/prune/channel-wiring.js';
import { removeChannels } from '../../lib/prune/surgery.js';
import { largestDifference, narrowModel, randomBatch, use, usedModel } from '../train/tiny.js';
import '../collect-garbage.js';

/** A random, non-empty, proper subset of the channels of each group, in rising order. */
function randomKept(model: L.SpecModel, seed: number, only?: string): Map<string, Int32Array> {
  const random = new L.PhiloxSequence(seed);
  const groups = channelWiring(model).groups.filter(({ name }) => only === undefined || name === only);
  return new Map(
    groups.map(({ name, channels }) => {
      const count = 1 + random.below(channels - 1);
      return [name, L.permutation(channels, random.word()).subarray(0, count).toSorted()];
    }),
  );
}

/** Sets scale and shift of the batch normalisations of every removed channel to zero. */
async function mask(model: L.SpecModel, kept: ReadonlyMap<string, Int32Array>): Promise<void> {
  const parameters = new Map(model.namedParameters());
  for (const { name, kind, output } of channelWiring(model).layers) {
    const stay = output === null ? undefined : kept.get(output);
    if (kind !== 'batchNorm' || stay === undefined) continue;
    for (const field of ['weight', 'bias']) {
      const parameter = parameters.get(`${name}.${field}`)!;
      parameter.write((await parameter.data()).map((value, channel) => (stay.includes(channel) ? value : 0)));
    }
  }
}

async function logitsOf(model: L.SpecModel): Promise<Float32Array> {
  model.eval();
  return L.noGrad(() => L.scope(() => model.forward(randomBatch(4).images).data()));
}

/** ResNets of four stages, of every kind of block and stem. */
const fourStages = (['basic', 'bottleneck'] as const).flatMap((block) =>
  (['cifar', 'imagenet'] as const).map(
    (kind): L.ResNetSpec => ({
      model: 'resnet',
      classes: 10,
      normalization: narrowModel().spec.normalization,
      block,
      stem: { kind, width: 5 },
      stages: [5, 6, 8, 7].map((width) => ({
        width,
        inner:
          block === 'basic'
            ? [[4], [5]]
            : [
                [3, 5],
                [4, 4],
              ],
      })),
    }),
  ),
);

function fourStageModel(spec: L.ResNetSpec): L.ResNet {
  const model = L.modelFromSpec(spec, 1);
  use(model, 1);
  return model;
}

/** Takes `network` over. */
async function expectTwins(
  kept: ReadonlyMap<string, Int32Array>,
  network: L.SpecModel = usedModel(),
): Promise<void> {
  using masked = network;
  await mask(masked, kept);
  using pruned = removeChannels(masked, kept);
  const [expected, found] = [await logitsOf(masked), await logitsOf(pruned)];
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largestDifference(expected, found)).toBeLessThan(1e-5 * largest);
}

const groupNames = channelWiring(usedModel()).groups.map(({ name }) => name);

it.each(groupNames)('a network pruned in %s equals its masked twin', async (group) => {
  await expectTwins(randomKept(usedModel(), 11, group));
});

it.each([1, 2, 3, 4, 5])('a network pruned everywhere equals its masked twin (mask %i)', async (seed) => {
  await expectTwins(randomKept(usedModel(), seed));
});

it('keeps all channels of groups that are not named, and the mode', async () => {
  using model = usedModel();
  model.eval();
  using same = removeChannels(model, new Map());
  expect(same.training).toBe(false);
  expect(same.spec).toEqual(model.spec);
  expect(await logitsOf(same)).toEqual(await logitsOf(model));
});

it('couples what residual sums add up', () => {
  using model = usedModel();
  const { groups } = channelWiring(model);
  expect(groups.find(({ name }) => name === 'layer1.stream')!.producers).toEqual([
    'conv1',
    'layer1.0.conv2',
    'layer1.1.conv2',
  ]);
  expect(groups.find(({ name }) => name === 'layer2.stream')!.producers).toEqual([
    'layer2.0.conv2',
    'layer2.0.downsample.0',
    'layer2.1.conv2',
  ]);
  expect(groups.find(({ name }) => name === 'layer3.1.inner')!.producers).toEqual(['layer3.1.conv1']);
});

it('gives the stem a group of its own where the first shortcut has a convolution', () => {
  using model = L.modelFromSpec({ ...narrowModel().spec, stem: 6 }, 1);
  const { groups } = channelWiring(model);
  expect(groups.slice(0, 2).map(({ name, channels }) => [name, channels])).toEqual([
    ['stem', 6],
    ['layer1.0.inner', 5],
  ]);
});

it('knows the cost of a pruned network without building it', () => {
  using model = usedModel();
  for (const seed of [1, 2, 3]) {
    const kept = randomKept(model, seed);
    const counts = new Map([...kept].map(([name, channels]) => [name, channels.length]));
    using pruned = removeChannels(model, kept);
    const { macs, parameters } = L.complexity(pruned, [32, 32, 3]);
    const wiring = channelWiring(model);
    expect(channelCost(model, wiring, 'macs', [32, 32, 3])(counts)).toBe(macs);
    expect(channelCost(model, wiring, 'parameters', [32, 32, 3])(counts)).toBe(parameters);
  }
});

it('refuses channels that cannot be kept', () => {
  using model = narrowModel();
  const keep =
    (name: string, ...channels: number[]) =>
    () =>
      removeChannels(model, new Map([[name, Int32Array.from(channels)]]));
  expect(keep('layer1.stream')).toThrow(L.ArgumentError);
  expect(keep('layer1.stream', 4)).toThrow(L.ArgumentError);
  expect(keep('layer1.stream', 1, 1)).toThrow(L.ArgumentError);
  expect(keep('layer9.stream', 0)).toThrow(/layer1\.stream/);
});

it('leaves the given network alone and no tensor behind', async () => {
  using model = usedModel();
  const before = await logitsOf(model);
  const live = L.memory().liveTensors;
  removeChannels(model, randomKept(model, 1)).dispose();
  expect(L.memory().liveTensors).toBe(live);
  expect(await logitsOf(model)).toEqual(before);
});

it.each(fourStages.map((spec) => [spec.block, spec.stem.kind, spec] as const))(
  'a ResNet of four stages, %s blocks and the stem of %s equals its masked twin, group by group and everywhere',
  async (_block, _stem, spec) => {
    using model = fourStageModel(spec);
    const { groups, layers } = channelWiring(model);
    const convolutions = [...model.namedModules()].filter(([, module]) => module instanceof L.Conv2d);
    expect(
      layers
        .filter(({ kind }) => kind === 'conv')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(convolutions.map(([name]) => name).sort());
    for (const { name } of groups) await expectTwins(randomKept(model, 11, name), fourStageModel(spec));
    await expectTwins(randomKept(model, 3), fourStageModel(spec));
    using pruned = removeChannels(model, randomKept(model, 5));
    using again = L.modelFromSpec(JSON.parse(JSON.stringify(pruned.spec)) as L.ModelSpec, 0) as L.SpecModel;
    expect([...again.stateDict()].map(([name, { shape }]) => [name, shape])).toEqual(
      [...pruned.stateDict()].map(([name, { shape }]) => [name, shape]),
    );
  },
);

it('keeps the shortcut convolution of a bottleneck that becomes as wide as its input', () => {
  using model = fourStageModel({ ...fourStages[2]!, stem: { kind: 'cifar', width: 4 } });
  using pruned = removeChannels(model, new Map([['layer1.stream', Int32Array.of(0, 1, 2, 4)]]));
  expect([...pruned.stateDict().keys()]).toEqual([...model.stateDict().keys()]);
});

it('refuses to lose the shortcut convolution of a basic block that becomes as wide as its input', () => {
  using model = fourStageModel({ ...fourStages[0]!, stem: { kind: 'cifar', width: 4 } });
  const kept = new Map([['layer1.stream', Int32Array.of(0, 1, 2, 4)]]);
  expect(() => removeChannels(model, kept)).toThrow(/layer1.0.downsample.0.weight still has a place/);
});

it('says for which networks channels can be pruned', () => {
  const { classes, normalization } = narrowModel().spec;
  using model: L.SpecModel = L.modelFromSpec(L.mobileNetV2Spec({ classes, normalization }), null);
  expect(() => channelWiring(model)).toThrow(L.UnsupportedError);
  expect(() => channelWiring(model)).toThrow(/wired for ResNets only .* got a mobilenet-v2/);
});
