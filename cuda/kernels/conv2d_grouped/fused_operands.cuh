// The prologue and the epilogue of a convolution, for the neighbouring channels that a thread works on: what
// depends on the channel alone is loaded once.
#pragma once

#include "device/floats.cuh"
#include "kernels/conv2d_grouped/correlation.h"

template <int kWidth>
struct ChannelPrologue {
  Floats<kWidth> scale, shift;
  bool present, relu;

  __device__ ChannelPrologue(const InputPrologue& of, int channel)
      : scale(Floats<kWidth>::all(0)), shift(scale), present(of.scale != nullptr), relu(of.relu) {
    if (present)
      scale = Floats<kWidth>::load(of.scale + channel), shift = Floats<kWidth>::load(of.shift + channel);
  }
  /// The convolved input. NaN goes through the ReLU.
  __device__ Floats<kWidth> operator()(Floats<kWidth> x) const {
    if (!present) return x;
#pragma unroll
    for (int v = 0; v < kWidth; ++v) {
      const float value = fmaf(x[v], scale[v], shift[v]);
      x[v] = relu && value < 0 ? 0 : value;
    }
    return x;
  }
};

template <int kWidth>
struct ChannelEpilogue {
  const Correlation& p;
  int channel;
  Floats<kWidth> scale, bias;

  __device__ ChannelEpilogue(const Correlation& of, int first_channel)
      : p(of), channel(first_channel), scale(Floats<kWidth>::all(0)), bias(scale) {
    if (p.epilogue.scale) scale = Floats<kWidth>::load(p.epilogue.scale + channel);
    if (p.epilogue.bias) bias = Floats<kWidth>::load(p.epilogue.bias + channel);
  }
  /// Stores what becomes of a sum at `pixel` of the output.
  __device__ void store(Floats<kWidth> sum, int64_t pixel) const {
    const OutputEpilogue& e = p.epilogue;
    if (e.scale) {
#pragma unroll
      for (int v = 0; v < kWidth; ++v) sum[v] *= scale[v];
    }
    if (e.bias) accumulate(sum, bias);
    if (e.residual) accumulate(sum, Floats<kWidth>::load(e.residual + pixel * e.residual_pixel + channel));
#pragma unroll
    for (int v = 0; v < kWidth; ++v) {  // NaN stays
      if (sum[v] < e.floor) sum[v] = e.floor;
      if (sum[v] > e.ceiling) sum[v] = e.ceiling;
    }
    const int64_t at = pixel * p.out_pixel + channel;
    if (e.addend) accumulate(sum, Floats<kWidth>::load(e.addend + at));
    if (e.rectified) {
      const auto output = Floats<kWidth>::load(e.rectified + at);
#pragma unroll
      for (int v = 0; v < kWidth; ++v)
        if (output[v] <= 0 || output[v] > e.greatest_open) sum[v] = 0;
    }
    sum.store_global(p.out + at);
  }
};
