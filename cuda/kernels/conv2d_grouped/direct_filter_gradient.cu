// dfilter of a convolution of any groups, without a tile: for the filters and strides whose inputs do not fit
// in shared memory.
//
// A thread has one element (k, r, s, c) of the filter and adds over a chunk of rows of dy; each row's sum is
// made on its own, so that long sums stay accurate. Neighbouring threads have neighbouring channels of x and
// mostly the same dy. sum_partials adds the chunks.
// Variants: one. Bytes: 8 a multiply-add, from caches mostly; 8 K R S C/groups chunks of partial sums.
// FLOPs: 2 a multiply-add. Roofline: L1.
// Bench: lapidary bench --device cuda --kernel conv2d_wgrad
//        --problem "N=8 H=65 W=65 C=64 K=64 groups=16 R=3 S=3 dilation_h=32 dilation_w=32"
#include "kernels/conv2d_grouped/filter_gradient.h"
#include "kernels/conv2d_grouped/fused_operands.cuh"

extern "C" __global__ void __launch_bounds__(kDirectElements)
    direct_filter_gradient(const DirectFilterGradient parameters) {
  const FilterGradient& p = parameters.gradient;
  const int64_t chunk = blockIdx.x / parameters.element_parts;
  const int64_t element = (blockIdx.x - chunk * parameters.element_parts) * kDirectElements + threadIdx.x;
  if (element >= p.filter_count) return;
  int64_t rest = element / p.group_ins;
  const int c = static_cast<int>(element - rest * p.group_ins);
  const int s = static_cast<int>(rest % p.columns.taps);
  rest /= p.columns.taps;
  const int r = static_cast<int>(rest % p.rows.taps);
  const int k = static_cast<int>(rest / p.rows.taps);
  const int channel = k / p.group_outs * p.group_ins + c;
  const ChannelPrologue<1> prologue(p.prologue, channel);

  const int64_t end = min(p.units, (chunk + 1) * p.chunk_units);
  float sum = 0;
  for (int64_t row = chunk * p.chunk_units; row < end; ++row) {
    const int64_t image = row / p.rows.outs;
    const int64_t h = (row - image * p.rows.outs) * p.rows.stride - p.rows.pad + int64_t{r} * p.rows.dilation;
    if (h < 0 || h >= p.rows.ins) continue;
    const float* const x = p.x + (image * p.rows.ins + h) * p.columns.ins * p.x_pixel + channel;
    const float* const dy = p.dy + row * p.columns.outs * p.y_pixel + k;
    float row_sum = 0;
    for (int q = 0; q < p.columns.outs; ++q) {
      const int64_t w = int64_t{q} * p.columns.stride - p.columns.pad + int64_t{s} * p.columns.dilation;
      if (w < 0 || w >= p.columns.ins) continue;
      row_sum = fmaf(dy[q * p.y_pixel], prologue({{x[w * p.x_pixel]}})[0], row_sum);
    }
    sum += row_sum;
  }
  p.partials[chunk * p.filter_count + element] = sum;
}
