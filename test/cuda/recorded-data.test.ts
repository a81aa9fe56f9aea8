// Batches in a CUDA graph: pictures that the host's code draws, views that follow the epoch, transforms of them, pruning. The
// device makes the pixels and parameters of the processor, to the bit; only resampled and adjusted pixels may differ in
// rounding.
import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';
import { drawTransforms, transformImages } from '../../lib/ops/transforms.js';

type Values = Record<'drawn' | 'labels' | 'augmented' | 'parameters' | 'views', number[][]>;

async function batches(kind: 'cpu' | 'cuda'): Promise<Values> {
  const device = L.useDevice(kind);
  const { images, labels } = L.drawShapes10(20, { seed: 5 });
  const index = L.tensor(Int32Array.of(3, 19, 0, 7));
  // A resized crop, a flip and an adjustment of colours, each with what it is drawn from.
  const steps = Int32Array.of(1, 16, 16, 1, 1, 3, 0, 0, 0, 0, 4, 15, 0, 0, 0);
  const ranges = L.tensor(
    Float32Array.of(
      ...[1, 0.2, 1, 0.75, 1.3, 0, 0, 0, 0, 0, 0, 0],
      ...[0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ...[0.8, 0.6, 1.4, 0.6, 1.4, 0.6, 1.4, -0.1, 0.1, 0, 0, 0],
    ),
    [3, 12],
  );
  const recorded = L.capture(() => {
    const parameters = drawTransforms([32, 32], index, steps, ranges, { seed: 11 });
    return {
      augmented: L.augment(images, index, { pad: 4, flip: true, cutout: 8, seed: 3 }),
      parameters,
      views: transformImages(images, index, steps, parameters),
    };
  });
  const values: Values = {
    drawn: [[...(await images.data())]],
    labels: [[...(await labels.data())]],
    augmented: [],
    parameters: [],
    views: [],
  };
  for (const epoch of [1, 2, 5]) {
    device.stepBlock.setEpoch(epoch);
    recorded.replay();
    for (const name of ['augmented', 'parameters', 'views'] as const)
      values[name].push([...(await recorded.outputs[name].data())]);
  }
  recorded.dispose();
  for (const each of [images, labels, index, ranges]) each.dispose();
  device.stepBlock.setEpoch(0);
  await device.synchronize();
  return values;
}

it('replays make the batches of their epoch, as the processor makes them', async () => {
  const cpu = await batches('cpu');
  const cuda = await batches('cuda');
  for (const name of ['drawn', 'labels', 'augmented', 'parameters'] as const)
    expect(cuda[name], name).toEqual(cpu[name]);
  expect(new Set(cuda.augmented.map(String)).size).toBe(3);
  for (const [epoch, view] of cuda.views.entries()) {
    const wanted = cpu.views[epoch]!;
    expect(Math.max(...view.map((value, at) => Math.abs(value - wanted[at]!)))).toBeLessThan(1e-5);
  }
});

it('weights are pruned alike, and NaN leaves them as they are', async () => {
  const prune = async (kind: 'cpu' | 'cuda'): Promise<number[][]> => {
    L.useDevice(kind);
    const weights = [7, 20_000, 3].map((size) =>
      L.tensor(Float32Array.from({ length: size }, (_, i) => Math.sin(i))),
    );
    const masks = L.pruneMask(weights, 9_000);
    const results = [...masks, ...weights].map(async (each) => [...(await each.data())]);
    const values = await Promise.all(results);
    for (const each of [...weights, ...masks]) each.dispose();
    return values;
  };
  const cuda = await prune('cuda');
  expect(cuda).toEqual(await prune('cpu'));
  expect(
    cuda
      .slice(0, 3)
      .flat()
      .filter((kept) => kept === 0).length,
  ).toBe(9_000);

  const device = L.useDevice('cuda');
  const weights = L.tensor(Float32Array.of(3, Number.NaN, 1, 2));
  const [mask] = L.pruneMask([weights], 2);
  await expect(mask!.data()).rejects.toThrow(/NaN.*element 1 of tensor 0/);
  await device.synchronize().catch(() => undefined);
  mask!.dispose();
  weights.dispose();
});
