import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  acceptedImplementations,
  expectIndexFault,
  philox,
  runCase,
  setStepBlock,
  testKernel,
} from './harness.js';

const epoch = 2;
beforeAll(() => setStepBlock(-2, epoch));
afterAll(() => setStepBlock(-2, 0));

const sizes = [
  'N=1 H=1 W=1 C=1 images=10',
  'N=9 H=8 W=7 C=3 images=10',
  'N=5 H=32 W=32 C=3 images=10',
  'N=3 H=5 W=9 C=17 images=10',
];
testKernel('augment', sizes);
testKernel(
  'augment',
  sizes
    .slice(1)
    .flatMap((size) =>
      ['pad=2', 'flip=1', 'cutout=3', 'pad=4 flip=1 cutout=4'].map(
        (rest) => `${size} train=1 seed=4 ${rest}`,
      ),
    ),
);
// Crops that may miss the image altogether.
testKernel('augment', ['N=9 H=8 W=7 C=3 images=10 train=1 seed=4 pad=9 flip=1']);
testKernel('draw_shapes10', ['N=3 seed=2', 'N=11 seed=7 first=123456']);
testKernel('draw_scenes', ['N=2 seed=7 first=123456']);

test('an image is cropped, then flipped, then cut, as Philox says', () => {
  const [n, h, w, c, pad, side] = [6, 8, 6, 3, 2, 3];
  const problem = `N=${n} H=${h} W=${w} C=${c} images=10 train=1 pad=${pad} flip=1 cutout=${side} seed=77`;
  for (const implementation of acceptedImplementations('augment', problem)) {
    const [images, index, y] = runCase('augment', problem, implementation);
    for (let sample = 0; sample < n; sample++) {
      const image = index![sample]!;
      const words = philox(77n, BigInt(epoch), BigInt(image));
      const [top, left] = [(words[0] % (2 * pad + 1)) - pad, (words[1] % (2 * pad + 1)) - pad];
      const centre = [(words[3] & 0xffff) % h, (words[3] >>> 16) % w] as const;
      const inCut = (position: number, middle: number) => {
        const first = middle - Math.floor(side / 2);
        return position >= first && position < first + side;
      };
      for (let row = 0; row < h; row++) {
        for (let column = 0; column < w; column++) {
          const from = [row + top, (words[2] & 1 ? w - 1 - column : column) + left] as const;
          const inside = from[0] >= 0 && from[0] < h && from[1] >= 0 && from[1] < w;
          const cut = inCut(row, centre[0]) && inCut(column, centre[1]);
          for (let channel = 0; channel < c; channel++) {
            const pixel = inside && !cut ? images![((image * h + from[0]) * w + from[1]) * c + channel]! : 0;
            expect(y![((sample * h + row) * w + column) * c + channel]).toBe(Math.fround(pixel / 255));
          }
        }
      }
    }
  }
});

test('an index outside of the data set faults with its value and position', () => {
  const fill = (value: number) => ({
    fill: { index: (_: () => number, position: number) => (position === 3 ? value : 1) },
  });
  expectIndexFault('augment', sizes[1]!, fill(10), /image indices in 0\.\.9, got 10 at position 3/);
  expectIndexFault('augment', sizes[1]!, fill(-5), /got -5 at position 3/);
});
