// The prologue and the epilogue of a convolution, for the neighbouring channels that a thread works on: what
// depends on the channel alone is loaded once.
#pragma once

#include "device/channels.cuh"
#include "kernels/conv2d_grouped/correlation.h"

template <int kWidth>
struct ChannelPrologue {
  Channels<kWidth> scale, shift;
  bool present, relu;

  __device__ ChannelPrologue(const InputPrologue& of, int channel)
      : scale(zero_channels<kWidth>()), shift(scale), present(of.scale != nullptr), relu(of.relu) {
    if (present)
      scale = load_channels<kWidth>(of.scale + channel), shift = load_channels<kWidth>(of.shift + channel);
  }
  /// The convolved input. NaN goes through the ReLU.
  __device__ Channels<kWidth> operator()(Channels<kWidth> x) const {
    if (!present) return x;
#pragma unroll
    for (int v = 0; v < kWidth; ++v) {
      const float value = fmaf(x.at[v], scale.at[v], shift.at[v]);
      x.at[v] = relu && value < 0 ? 0 : value;
    }
    return x;
  }
};

template <int kWidth>
struct ChannelEpilogue {
  const Correlation& p;
  int channel;
  Channels<kWidth> scale, bias;

  __device__ ChannelEpilogue(const Correlation& of, int first_channel)
      : p(of), channel(first_channel), scale(zero_channels<kWidth>()), bias(scale) {
    if (p.epilogue.scale) scale = load_channels<kWidth>(p.epilogue.scale + channel);
    if (p.epilogue.bias) bias = load_channels<kWidth>(p.epilogue.bias + channel);
  }
  /// Stores what becomes of a sum at `pixel` of the output.
  __device__ void store(Channels<kWidth> sum, int64_t pixel) const {
    const OutputEpilogue& e = p.epilogue;
    if (e.scale) {
#pragma unroll
      for (int v = 0; v < kWidth; ++v) sum.at[v] *= scale.at[v];
    }
    if (e.bias) add(sum, bias);
    if (e.residual) add(sum, load_channels<kWidth>(e.residual + pixel * e.residual_pixel + channel));
#pragma unroll
    for (int v = 0; v < kWidth; ++v) {  // NaN stays
      if (sum.at[v] < e.floor) sum.at[v] = e.floor;
      if (sum.at[v] > e.ceiling) sum.at[v] = e.ceiling;
    }
    const int64_t at = pixel * p.out_pixel + channel;
    if (e.addend) add(sum, load_channels<kWidth>(e.addend + at));
    if (e.rectified) {
      const auto output = load_channels<kWidth>(e.rectified + at);
#pragma unroll
      for (int v = 0; v < kWidth; ++v)
        if (output.at[v] <= 0 || output.at[v] > e.greatest_open) sum.at[v] = 0;
    }
    store_channels(p.out + at, sum);
  }
};
