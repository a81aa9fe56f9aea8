import { describe, test } from 'vitest';
import { expectBatchInvariant, onCuda, testKernel } from './harness.js';

describe('gemm', () => {
  const sizes = [
    'M=1 N=1 K=1',
    'M=7 N=10 K=64',
    'M=13 N=33 K=5',
    'M=64 N=48 K=1',
    'M=100 N=17 K=130',
    'M=9 N=64 K=700',
  ];
  const transposes = ['', ' transpose_a=1', ' transpose_b=1', ' transpose_a=1 transpose_b=1'];
  testKernel(
    'gemm',
    sizes.flatMap((size) => transposes.map((transpose) => size + transpose)),
  );
  testKernel('gemm', [
    'M=33 N=10 K=64 transpose_b=1 bias=1',
    'M=33 N=70 K=64 transpose_b=1 bias=1 relu=1',
    'M=33 N=70 K=64 bias=1',
    'M=33 N=70 K=64 relu=1',
    'M=20 N=9 K=3000 transpose_a=1 bias=1 relu=1',
    'M=300 N=80 K=90 transpose_b=1',
  ]);
  // CUDA's widest tiles are for problems that fill a device.
  if (onCuda) {
    testKernel('gemm', [
      'M=27600 N=128 K=20',
      'M=27599 N=125 K=19 transpose_a=1',
      'M=27599 N=125 K=19 transpose_b=1',
      'M=27600 N=128 K=20 transpose_a=1 transpose_b=1',
    ]);
  }

  test('a row has the same bits in every batch', () => {
    for (const rest of ['N=37 K=70', 'N=37 K=70 transpose_b=1', 'N=10 K=70 transpose_b=1 bias=1'])
      expectBatchInvariant('gemm', `M=1 ${rest}`, `M=43 ${rest}`);
  });
});

describe('column_sum', () => {
  testKernel('column_sum', [
    'rows=1 columns=1',
    'rows=1 columns=40',
    'rows=5 columns=3',
    'rows=1000 columns=17',
    'rows=9001 columns=16',
    'rows=130 columns=200',
  ]);
});
