import { expect, test } from 'vitest';
import { addon } from '../../lib/native-addon.js';
import { acceptedImplementations, expectValues, testKernel } from './harness.js';

testKernel('strided_copy', [
  'dims=scalar x_strides=scalar y_strides=scalar',
  // Dense, long enough to be cut.
  'dims=90001 x_strides=1 y_strides=1 x_count=90001 y_count=90001',
  'dims=90001 x_strides=1 y_strides=1 x_count=90001 y_count=90001 bytes=1',
  // Transposes.
  'dims=5x7x3 x_strides=21x3x1 y_strides=1x5x35 x_count=105 y_count=105',
  'dims=2x64x33 x_strides=2112x1x64 y_strides=2112x33x1 x_count=4224 y_count=4224',
  'dims=2x7x5x3 x_strides=105x15x3x1 y_strides=105x5x1x35 x_count=210 y_count=210 bytes=1',
  // Several tiles, with edges; axes in another order than they lie in memory; bytes.
  'dims=3x70x45 x_strides=3150x1x70 y_strides=3150x45x1 x_count=9450 y_count=9450',
  'dims=70x3x45 x_strides=1x3150x70 y_strides=45x3150x1 x_count=9450 y_count=9450',
  'dims=40x33 x_strides=1x41 y_strides=35x1 x_offset=5 y_offset=2 x_count=1400 y_count=1402 partial=1 bytes=1',
  // Rows of whole vectors, apart and from an offset.
  'dims=9x5x8 x_strides=80x12x1 y_strides=40x8x1 x_offset=4 x_count=800 y_count=364 y_offset=4 partial=1',
  'dims=9x48 x_strides=64x1 y_strides=48x1 x_offset=16 x_count=640 y_count=432 bytes=1',
  'dims=9x12 x_strides=20x1 y_strides=12x1 x_offset=4 x_count=200 y_count=108 bytes=1',
  // A slice, and a concat in place.
  'dims=4x3x5 x_strides=40x10x1 y_strides=15x5x1 x_offset=3 x_count=160 y_count=60',
  'dims=5x7x3 x_strides=21x3x1 y_strides=42x6x1 y_offset=3 x_count=105 y_count=210 partial=1',
  // A broadcast, axes of extent 1, many axes.
  'dims=6x4x9 x_strides=0x9x1 y_strides=36x9x1 x_count=36 y_count=216',
  'dims=6x4x9 x_strides=4x1x0 y_strides=36x9x1 x_count=24 y_count=216',
  'dims=1x2x1x3x2x2 x_strides=99x12x7x4x2x1 y_strides=5x1x3x8x2x4 x_count=24 y_count=24',
]);
testKernel('fill', ['count=1 value=2.5', 'count=77 value=-1', 'count=70001 value=0.1']);
testKernel(
  'cast',
  ['u8_to_f32', 'i32_to_f32', 'f32_to_i32'].flatMap((kind) =>
    ['count=1', 'count=77', 'count=70001'].map((count) => `${count} kind=${kind}`),
  ),
  {
    fill: { x: (random, index) => Math.floor(index === 0 ? 7 : 255 * random()) },
  },
);

test('a partial copy leaves the rest of y alone', () => {
  const problem = 'dims=2x1 x_strides=1x1 y_strides=2x1 y_offset=1 x_count=2 y_count=4 partial=1';
  expectValues(
    'strided_copy',
    problem,
    [
      [1, 2],
      [7, 7, 7, 7],
    ],
    'y',
    [7, 1, 7, 2],
  );
});

test('four-byte elements are copied as bits', () => {
  const problem = 'dims=4 x_strides=1 y_strides=1 x_count=4 y_count=4';
  const bits = Uint32Array.of(0x7f800001, 0xffc12345, 0x00000001, 0x80000000); // NaNs, a denormal, -0
  for (const implementation of acceptedImplementations('strided_copy', problem)) {
    const y = new Uint32Array(4);
    addon.runKernel('strided_copy', problem, implementation, [
      new Float32Array(bits.buffer),
      new Float32Array(y.buffer),
    ]);
    expect([...y], implementation).toEqual([...bits]);
  }
});

test('casts to i32 truncate, saturate, and make NaN 0', () => {
  const x = [1.9, -1.9, 3e9, -3e9, Number.NaN, Infinity, -Infinity, 2147483520];
  const wanted = [1, -1, 2147483647, -2147483648, 0, 2147483647, -2147483648, 2147483520];
  expectValues('cast', 'count=8 kind=f32_to_i32', [x, null], 'y', wanted);
});
