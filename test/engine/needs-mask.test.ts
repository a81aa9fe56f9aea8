import { describe, expect, it } from 'vitest';
import { runChild } from './child.js';

/** Kernels by the marks that the child writes between them. */
function kernelsBySection(stderr: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let kernels: string[] = [];
  for (const line of stderr.split('\n')) {
    const mark = /^# (.+)$/.exec(line)?.[1];
    if (mark !== undefined) {
      kernels = [];
      sections.set(mark, kernels);
    }
    const kernel = /^lapidary,exec,cpu,[^,]*,(\w+)/.exec(line)?.[1];
    if (kernel !== undefined) kernels.push(kernel);
  }
  return sections;
}

describe('backward computes what was asked for, and nothing else', () => {
  it('gradients of the input cost no gradients of the weights, and the other way round', async () => {
    const { code, stderr } = await runChild('needs-mask', { env: { LAPIDARY_VERBOSE: '1' } });
    expect(code).toBe(0);
    const sections = kernelsBySection(stderr);
    const count = (section: string, kernel: string): number =>
      sections.get(section)!.filter((each) => each === kernel).length;

    // ResNet-8: stem, three blocks of two, two 1x1 shortcuts.
    expect(count('input', 'conv2d_dgrad')).toBe(9);
    expect(count('input', 'conv2d_wgrad')).toBe(0);
    expect(count('input', 'column_sum')).toBe(0);
    // Masks and sums are dgrad's, but for the mask behind the last block; the scales of the frozen normalisations go
    // into the nine filters, and only the images' own is a pass.
    expect(count('input', 'unary_backward')).toBe(1);
    expect(count('input', 'batch_norm_dgrad')).toBe(1);
    expect(count('input', 'binary')).toBe(9);
    expect(count('weights', 'conv2d_wgrad')).toBe(9);
    expect(count('weights', 'conv2d_dgrad')).toBe(8); // none for the pixels
    expect(count('last layer', 'conv2d_wgrad')).toBe(0);
    expect(count('last layer', 'conv2d_dgrad')).toBe(0);
    expect(count('last layer', 'gemm')).toBe(1);
  });
});
