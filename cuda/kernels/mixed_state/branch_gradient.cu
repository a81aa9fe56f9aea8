// branch_gradient: dy = a g + b y + d, [rows, channels], with a, b and d by channel.
//
// Variants: 4 channels a thread, or 1; 4 rows a thread. The coefficients of a block's channels come through
// shared memory. Bytes: 12 rows channels, and 12 channels for each block of rows (4 times 256 threads).
// FLOPs: 4 an element. Roofline: memory. Bench: lapidary bench --device cuda --kernel branch_gradient
#include "kernels/mixed_state/branch_gradient.h"

#include "device/floats.cuh"
#include "kernels/mixed_state/channel_panels.h"

namespace {

template <int kVector>
__device__ void gradient(const BranchGradientParameters& p) {
  using Vector = Floats<kVector>;
  __shared__ alignas(16) float coefficients[3][kPanelChannels];
  const ChannelPanels panels(p.rows, p.channels, kVector);
  const int64_t first_channel = blockIdx.x % panels.panels * kPanelChannels;
  for (int i = threadIdx.x; i < 3 * kPanelChannels; i += kPanelThreads) {
    const int64_t c = first_channel + i % kPanelChannels;
    if (c < p.channels)
      coefficients[i / kPanelChannels][i % kPanelChannels] =
          p.coefficients[i / kPanelChannels * p.channels + c];
  }
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x) / panels.vectors;
  const int column = static_cast<int>(threadIdx.x) % panels.vectors * kVector;
  if (lane >= panels.row_lanes || first_channel + column >= p.channels) return;
  const Vector a = Vector::load(coefficients[0] + column), b = Vector::load(coefficients[1] + column),
               d = Vector::load(coefficients[2] + column);
  const int64_t first = blockIdx.x / panels.panels * (panels.row_lanes * kGradientRowsOfThread) + lane;
#pragma unroll
  for (int i = 0; i < kGradientRowsOfThread; ++i) {
    const int64_t row = first + i * panels.row_lanes, at = row * p.channels + first_channel + column;
    if (row >= p.rows) break;
    const Vector g = Vector::load(p.g + at), y = Vector::load(p.y + at);
    Vector dy;
#pragma unroll
    for (int v = 0; v < kVector; ++v) dy.at[v] = a.at[v] * g.at[v] + (b.at[v] * y.at[v] + d.at[v]);
    dy.store_global(p.dy + at);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kPanelThreads)
    branch_gradient_vectors(const BranchGradientParameters p) {
  gradient<4>(p);
}
extern "C" __global__ void __launch_bounds__(kPanelThreads)
    branch_gradient_scalars(const BranchGradientParameters p) {
  gradient<1>(p);
}
