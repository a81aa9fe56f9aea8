import { expect, it } from 'vitest';
import * as L from '../../lib/index.js';

it('each pixel of a smaller image is the mean of a square, rounded half up; the digest is of the smaller ones', async () => {
  const sizes = { train: 3, test: 2 };
  const full = await L.openDataset('shapes10:5', sizes);
  const small = await L.openDataset('shapes10:5?size=16', sizes);
  expect(small.name).toBe('shapes10:5?size=16');
  expect(small.train.imageShape).toEqual([16, 16, 3]);
  expect(small.train.hostLabels).toEqual(full.train.hostLabels);
  expect(small.train.sha256).not.toBe(full.train.sha256);
  const [from, to] = [await full.train.images.data(), await small.train.images.data()];
  const at = (pixels: Uint8Array, side: number, image: number, y: number, x: number, c: number) =>
    pixels[((image * side + y) * side + x) * 3 + c]!;
  for (const [image, y, x, c] of [
    [0, 0, 0, 0],
    [1, 7, 9, 2],
    [2, 15, 15, 1],
  ] as const) {
    let sum = 0;
    for (const dy of [0, 1]) for (const dx of [0, 1]) sum += at(from, 32, image, 2 * y + dy, 2 * x + dx, c);
    expect(at(to, 16, image, y, x, c)).toBe(Math.floor(sum / 4 + 0.5));
  }
  using test = await small.test.readOnce();
  expect(test.imageShape).toEqual([16, 16, 3]);
  await expect(small.test.readOnce()).rejects.toThrow(/read once/);
  for (const set of [full, small]) set.dispose();
});

it('a size that does not divide the images is refused', async () => {
  await expect(L.openDataset('shapes10?size=15', { train: 1 })).rejects.toThrow(/divides images of 32 x 32/);
  expect(() => L.parseDataSpec('shapes10:1?size=')).toThrow(/\?size=16/);
});
