/** A narrow network and a few pictures: enough to train on in a second. */
import { createHash } from 'node:crypto';
import * as L from '../../lib/index.js';

const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

/** ResNet-8 of a quarter of the width, with widths that differ from stage to stage. */
export const narrowSpec: L.ResNetCifarSpec = {
  model: 'resnet-cifar',
  classes: 10,
  stem: 4,
  stages: [
    { width: 4, inner: [5] },
    { width: 8, inner: [7] },
    { width: 12, inner: [10] },
  ],
  normalization,
};

export function narrowModel(seed = 1): L.ResNetCifar {
  return L.modelFromSpec(narrowSpec, seed);
}

/** As `narrowModel`, with two blocks a stage and running statistics and shifts that are not those of the start. */
export function usedModel(seed = 1): L.ResNetCifar {
  const stages = narrowSpec.stages.map(({ width, inner }) => ({ width, inner: [inner[0]!, inner[0]! + 1] }));
  const model = L.modelFromSpec({ ...narrowSpec, stages }, seed);
  let stream = 1000;
  L.noGrad(() =>
    L.scope(() => {
      for (const module of model.modules()) {
        if (!(module instanceof L.BatchNorm2d)) continue;
        const draw = (low: number, high: number) =>
          L.rand([module.channels], { seed, stream: stream++, low, high });
        L.assign(module.weight, draw(0.5, 1.5));
        L.assign(module.bias, draw(-0.5, 0.5));
        L.assign(module.running_mean, draw(-0.3, 0.3));
        L.assign(module.running_var, draw(0.5, 2));
      }
    }),
  );
  return model;
}

/** Random pictures with labels and indices; the caller's scope owns them. */
export function randomBatch(size: number, seed = 5) {
  return {
    images: L.rand([size, 32, 32, 3], { seed }),
    labels: L.tensor(Int32Array.from({ length: size }, (_, i) => (7 * i + 3) % 10)),
    index: L.tensor(Int32Array.from({ length: size }, (_, i) => 10 * i)),
  };
}

/** A digest of every bit of the model's state. */
export async function digestOf(model: L.SpecModel): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, { data }] of await model.hostState()) hash.update(name).update(data);
  return hash.digest('hex');
}

/** The largest difference between two arrays. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}
