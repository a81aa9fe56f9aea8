// Neighbouring channels of a pixel, moved as one access: 16 bytes where there are four.
#pragma once

template <int kWidth>
struct alignas(4 * kWidth) Channels {
  float at[kWidth];
};

template <int kWidth>
__device__ inline Channels<kWidth> zero_channels() {
  Channels<kWidth> zero;
#pragma unroll
  for (int v = 0; v < kWidth; ++v) zero.at[v] = 0;
  return zero;
}

template <int kWidth>
__device__ inline Channels<kWidth> load_channels(const float* from) {
  return *reinterpret_cast<const Channels<kWidth>*>(from);
}

template <int kWidth>
__device__ inline void store_channels(float* to, const Channels<kWidth>& channels) {
  *reinterpret_cast<Channels<kWidth>*>(to) = channels;
}

/// sum += a * b, channel by channel.
template <int kWidth>
__device__ inline void multiply_add(Channels<kWidth>& sum, const Channels<kWidth>& a,
                                    const Channels<kWidth>& b) {
#pragma unroll
  for (int v = 0; v < kWidth; ++v) sum.at[v] = fmaf(a.at[v], b.at[v], sum.at[v]);
}

template <int kWidth>
__device__ inline void add(Channels<kWidth>& sum, const Channels<kWidth>& term) {
#pragma unroll
  for (int v = 0; v < kWidth; ++v) sum.at[v] += term.at[v];
}
