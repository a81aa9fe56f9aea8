// Host side of the pool kernels: see cuda/kernels/pool/.
#include "ops/pool.h"

#include "cuda/channel_block.h"
#include "cuda/launch_context.h"
#include "kernels/pool/pool.h"

namespace lapidary::cuda {
namespace {

PoolWindows windows_of(const PoolProblem& p) {
  const auto axis = [](int64_t ins, int64_t outs, int64_t taps, int64_t stride, int64_t pad) {
    return PoolAxis{static_cast<int32_t>(ins), static_cast<int32_t>(outs), static_cast<int32_t>(taps),
                    static_cast<int32_t>(stride), static_cast<int32_t>(pad)};
  };
  return {axis(p.h, p.p(), p.r, p.stride_h, p.pad_h), axis(p.w, p.q(), p.s, p.stride_w, p.pad_w),
          static_cast<int32_t>(p.n), static_cast<int32_t>(p.c), p.count_padding};
}

/// Blocks of (channel vectors, pixels) over `pixels`.
template <class Parameters>
void launch_pixels(LaunchContext& context, Kernel kernel, int64_t pixels, int64_t vectors,
                   const Parameters& parameters) {
  const ChannelParts channels(vectors, 64);
  const int64_t block_pixels = kPoolThreads / channels.lanes;
  context.launch(kernel, {ceil_div(pixels, block_pixels), channels.parts}, {channels.lanes, block_pixels},
                 parameters);
}

void fprop_pixels(const PoolProblem& p, const PoolFprop<float>& args, LaunchContext& context) {
  const int64_t width = channel_width({p.c});
  const char* const function = p.kind == PoolKind::Max ? (width == 4 ? "maximum_x4" : "maximum_x1")
                                                       : (width == 4 ? "average_x4" : "average_x1");
  launch_pixels(context, {"pool_fprop", function}, p.n * p.p() * p.q(), p.c / width,
                PoolForward{windows_of(p), args.x, args.y, args.index});
}

/// Averages over so much that one thread would take long, a row of the window for each slice at least.
std::string supports_split(const PoolProblem& p) {
  if (p.kind != PoolKind::Average) return "it splits averages only";
  return p.r >= kPoolSlices / 2 && p.r * p.s >= 25 ? "" : "the windows are small";
}

void fprop_split_windows(const PoolProblem& p, const PoolFprop<float>& args, LaunchContext& context) {
  const int64_t width = channel_width({p.c});
  const ChannelParts channels(p.c / width, 32);
  context.launch({"pool_fprop", width == 4 ? "average_split_x4" : "average_split_x1"},
                 {p.n * p.p() * p.q(), channels.parts}, {channels.lanes, kPoolSlices},
                 PoolForward{windows_of(p), args.x, args.y, nullptr},
                 static_cast<size_t>(channels.lanes * kPoolSlices * width) * sizeof(float));
}

void dgrad_pixels(const PoolProblem& p, const PoolDgrad<float>& args, LaunchContext& context) {
  const int64_t width = channel_width({p.c});
  const char* const function = p.kind == PoolKind::Max
                                   ? (width == 4 ? "maximum_gather_x4" : "maximum_gather_x1")
                                   : (width == 4 ? "average_gather_x4" : "average_gather_x1");
  launch_pixels(context, {"pool_dgrad", function}, p.n * p.h * p.w, p.c / width,
                PoolBackward{windows_of(p), args.dy, args.index, args.dx});
}

/// Valid taps of all windows, and so windows over all positions.
double valid_taps(const PoolProblem& p) {
  const auto along = [](const PoolAxis& axis) {
    double sum = 0;
    for (int32_t out = 0; out < axis.outs; ++out) sum += axis.window(out).size();
    return sum;
  };
  const PoolWindows windows = windows_of(p);
  return static_cast<double>(p.n * p.c) * along(windows.rows) * along(windows.columns);
}
double fprop_bytes(const PoolProblem& p) {
  return 4 * valid_taps(p) + (p.kind == PoolKind::Max ? 8 : 4) * static_cast<double>(p.y_count());
}
double dgrad_bytes(const PoolProblem& p) {
  return (p.kind == PoolKind::Max ? 8 : 4) * valid_taps(p) + 4 * static_cast<double>(p.x_count());
}

}  // namespace

ImplementationList pool_fprop() {
  return {with_traffic<PoolProblem, &fprop_bytes>(
              implementation<PoolFprop<float>, &fprop_split_windows, &supports_split>("split_windows")),
          with_traffic<PoolProblem, &fprop_bytes>(implementation<PoolFprop<float>, &fprop_pixels>("pixels"))};
}
ImplementationList pool_dgrad() {
  return {with_traffic<PoolProblem, &dgrad_bytes>(implementation<PoolDgrad<float>, &dgrad_pixels>("pixels"))};
}

}  // namespace lapidary::cuda
