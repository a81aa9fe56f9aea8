/** Chains of picture transforms on every instruction set against ref<double>. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as L from '../../lib/index.js';
import {
  acceptedImplementations,
  bits,
  checkProblem,
  expectIndexFault,
  type Fill,
  runCase,
  runValues,
  setStepBlock,
  testKernel,
} from './harness.js';

beforeAll(() => setStepBlock(-2, 3));
afterAll(() => setStepBlock(-2, 0));

const resize = (h: number, w: number, interpolation: number, antialias: number): number[] => [
  0,
  h,
  w,
  interpolation,
  antialias,
];
const flip = [3, 0, 0, 0, 0];

/** Steps with their parameters after `applied`. */
type Chain = readonly (readonly [step: readonly number[], parameters: readonly number[]])[];

function check(size: string, chain: Chain, tolerance = 1e-5): void {
  const program = chain.flatMap(([step]) => step).join('x');
  const row = chain.flatMap(([, parameters]) => [1, ...parameters, ...Array(7 - parameters.length).fill(0)]);
  checkProblem('transform_images', `${size} shared=1 program=${program}`, {
    tolerance,
    fill: {
      floats: (random) => random(),
      index: (random) => Math.floor(3 * random()),
      parameters: (_, index) => row[index]!,
    },
  });
}

const sizes = [
  'N=3 H=1 W=1 C=1 images=3',
  'N=3 H=1 W=1 C=3 images=3 bytes=1',
  'N=5 H=7 W=13 C=3 images=3 bytes=1 indexed=1',
  'N=2 H=31 W=17 C=1 images=2',
  'N=2 H=19 W=37 C=3 images=2',
];

describe.each(sizes)('%s', (size) => {
  test.each([
    ['shrinks', 5, 3],
    ['grows', 23, 29],
    ['keeps', 1, 1],
  ])('resize %s', (_, h, w) => {
    for (const interpolation of [1, 2]) {
      for (const antialias of [0, 1]) check(size, [[resize(h, w, interpolation, antialias), []]]);
    }
  });

  test('what needs no neighbours', () => {
    check(size, [[[3, 0, 0, 0, 0], []]]);
    check(size, [
      [
        [2, 9, 5, 0, 0],
        [-2, -1],
      ],
    ]);
    check(size, [[[7, 0, 0, 0, 0], [0.5]]]);
    check(size, [
      [
        [9, 0, 0, 0, 0],
        [0, -1, 3, 2, 0.75],
      ],
    ]);
    check(size, [[[5, 0, 0, 0, 0], []]]);
  });

  test.each([0, 1])('affine, interpolation %i', (interpolation) => {
    check(size, [
      [
        [10, interpolation, 0, 0, 0],
        [0.3, 0, 0, 1, 0, 0],
      ],
    ]);
  });

  test.each([1, 2, 4, 8, 15])('color jitter, mask %i', (mask) => {
    for (const order of [123, 3210, 2031])
      check(size, [
        [
          [4, mask, 0, 0, 0],
          [order, 1.3, 0.6, 1.7, -0.23],
        ],
      ]);
  });
});

describe('larger pictures', () => {
  const size = 'N=3 H=21 W=34 C=3 images=3 bytes=1';
  test.each([
    [3, 5],
    [41, 1],
    [1, 67],
  ])('Gaussian blur of %i x %i', (h, w) => {
    check(size, [
      [
        [6, h, w, 0, 0],
        [1.3, 4],
      ],
    ]);
  });

  test('affine maps', () => {
    for (const interpolation of [0, 1]) {
      check(size, [
        [
          [10, interpolation, 0, 0, 0],
          [33.3, 2, -3, 1.21, 7, -11],
        ],
      ]);
      check(size, [
        [
          [10, interpolation, 0, 0, 0],
          [-120, 0, 0, 0.41, 0, 0],
        ],
      ]);
    }
  });

  test('chains, a box first or in the middle', () => {
    const box = [3, 4, 11, 7];
    check(size, [
      [[1, 8, 9, 2, 1], box],
      [
        [4, 15, 0, 0, 0],
        [1302, 0.7, 1.2, 0.5, 0.1],
      ],
      [
        [6, 3, 3, 0, 0],
        [0.8, 0.8],
      ],
      [flip, []],
    ]);
    check(size, [
      [
        [2, 28, 30, 4, 1],
        [-4, 2],
      ],
      [[1, 17, 40, 1, 0], box],
      [
        [8, 0, 0, 0, 0],
        [12, 30, 9, 20, 0],
      ],
      [flip, []],
    ]);
    // Wider than anything that comes in or goes out while only one axis has been resampled.
    check('N=1 H=64 W=1 C=3 images=1', [[resize(1, 64, 1, 1), []]]);
  });

  test('a run of steps that need no neighbours, means of luma taken in the middle', () => {
    const jitter = (adjustments: number) => [4, adjustments, 0, 0, 0];
    for (const sized of [size, 'N=2 H=21 W=34 C=1 images=2']) {
      check(sized, [
        [flip, []],
        [
          [2, 17, 40, 4, 1],
          [3, -4],
        ],
        [jitter(15), [3120, 1.2, 0.7, 1.3, 0.2]],
        [
          [8, 0, 0, 0, 0],
          [4, 30, 9, 20, 0],
        ],
        [jitter(3), [123, 0.9, 1.6, 1, 0]],
        [[7, 0, 0, 0, 0], [0.6]],
        [
          [2, 9, 45, 0, 0],
          [5, -3],
        ],
        [flip, []],
      ]);
    }
  });

  test('lines that are too wide for the shared memory of a GPU', () => {
    const wide = 'N=2 H=3 W=10501 C=1 images=2 bytes=1';
    check(wide, [[resize(2, 700, 1, 1), []]]);
    check(wide, [
      [
        [6, 3, 5, 0, 0],
        [0.8, 1.1],
      ],
    ]);
  });

  test('more samples than a GPU takes through a chain together', () => {
    // The weights of a box as high as the picture would be long; those used are few.
    const problem =
      'N=150 H=32768 W=2 C=1 images=1 indexed=1 program=1x8x3x1x1x3x0x0x0x0x10x1x0x0x0x5x0x0x0x0';
    checkProblem('transform_images', problem, {
      fill: {
        floats: (random) => random(),
        index: () => 0,
        parameters: (_, index) => {
          const [sample, step, place] = [Math.floor(index / 32), Math.floor(index / 8) % 4, index % 8];
          if (step === 0) return [1, 211 * sample, 0, 5 + (sample % 40), 2, 0, 0, 0][place]!;
          return step === 2 ? [1, 3 * sample, 0, 0, 1, 0, 0, 0][place]! : place === 0 ? 1 : 0;
        },
      },
    });
  });
});

/** Ranges that each of the transforms below takes. */
const ranges: Fill = (_, index) =>
  index === 0 ? 1 : [0.5, 0.2, 0.9, 0.6, 1.5, 0.8, 0.9, -0.3, 0.3, 0, 0, 0][index % 12]!;

testKernel(
  'draw_transforms',
  [
    'N=70 H=20 W=30 program=1x8x8x1x1x4x15x0x0x0 seed=5',
    'N=9 H=7 W=5 program=2x7x5x4x1x3x0x0x0x0x6x3x5x0x0 seed=9007199254740991 view=65535 site=32767',
  ],
  {
    fill: { ranges },
    tolerance: 1e-6,
  },
);

test('all implementations draw the same bits', () => {
  const problem = 'N=200 H=20 W=30 program=1x8x8x1x1x4x15x0x0x0x9x0x0x0x0 seed=5';
  const draw = (implementation: string) =>
    Float32Array.from(runCase('draw_transforms', problem, implementation, { fill: { ranges } })[2]!);
  const wanted = bits(draw('ref64'));
  for (const implementation of acceptedImplementations('draw_transforms', problem))
    expect(bits(draw(implementation)).equals(wanted), implementation).toBe(true);
});

test('an index outside of the pictures faults with its value and position', () => {
  const fill = (value: number) => ({
    fill: {
      index: (_: () => number, position: number) => (position === 2 ? value : 1),
      parameters: (_: () => number, index: number) => (index % 8 === 0 ? 1 : 0),
    },
  });
  const problem = 'N=4 H=5 W=5 C=3 images=3 indexed=1 program=3x0x0x0x0';
  expectIndexFault('transform_images', problem, fill(3), /image indices in 0\.\.2, got 3 at position 2/);
  expectIndexFault(
    'draw_transforms',
    'N=4 program=3x0x0x0x0',
    {
      fill: { ...fill(-1).fill, ranges: () => 0.5 },
    },
    /at least 0, got -1 at position 2/,
  );
});

test('parameters and ranges that cannot be fault, whatever they are', () => {
  const pixels = Array.from({ length: 27 }, () => 0.5);
  const cases: readonly [step: string, parameters: readonly number[], message: RegExp][] = [
    ['1x2x2x1x1', [1, 0, 0, 4, 1, 0, 0, 0], /a box inside/],
    ['1x2x2x1x1', [1, Number.NaN, 0, 1, 1, 0, 0, 0], /a box inside/],
    ['0x2x2x1x1', [0, 0, 0, 0, 0, 0, 0, 0], /to be applied/],
    ['3x0x0x0x0', [0.5, 0, 0, 0, 0, 0, 0, 0], /1 or 0/],
    ['4x15x0x0x0', [1, 1123, 1, 1, 1, 0, 0, 0], /an order/],
    ['4x15x0x0x0', [1, 123, 1, 1, 1, 0.6, 0, 0], /hue/],
    ['6x3x3x0x0', [1, 0, 1, 0, 0, 0, 0, 0], /positive sigmas/],
    ['7x0x0x0x0', [1, Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0], /finite threshold/],
    ['8x0x0x0x0', [1, 0.5, 0, 1, 1, 0, 0, 0], /whole pixels/],
    ['10x1x0x0x0', [1, 0, 0, 0, 0, 0, 0, 0], /positive scale/],
  ];
  for (const [step, parameters, message] of cases) {
    const problem = `H=3 W=3 program=${step}`;
    for (const implementation of ['ref64', ...acceptedImplementations('transform_images', problem)]) {
      expect(
        () => runValues('transform_images', problem, implementation, [null, pixels, null, parameters, null]),
        `${implementation} ${step}`,
      ).toThrow(message);
    }
  }
  for (const implementation of acceptedImplementations('draw_transforms', 'program=3x0x0x0x0')) {
    expect(() =>
      runValues('draw_transforms', 'program=3x0x0x0x0', implementation, [[0], Array(12).fill(2), null]),
    ).toThrow(/a probability/);
  }
});

test('shears that are no map leave zeros', () => {
  L.scope(() => {
    const y = L.affineTransform(L.ones([1, 4, 4, 1]), { shear: [0, 90], interpolation: 'bilinear' });
    expect(y.dataSync().every((value) => value >= 0 && value <= 1)).toBe(true);
  });
});
