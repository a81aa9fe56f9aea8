#include "cuda/kernels/conv2d_correlation.h"

#include "kernels/conv2d_grouped/merge_statistics.h"

namespace lapidary::cuda {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Correlation without_fused_operands(const Conv2dProblem& p, Direction direction) {
  const CorrelationAxes axes(p, direction);
  const bool fprop = direction == Direction::Fprop;
  const int64_t ins = p.c / p.groups, outs = p.k / p.groups, filter = p.r * p.s * ins;
  Correlation made{};
  made.rows = axes.rows, made.columns = axes.columns;
  made.images = static_cast<int32_t>(p.n), made.groups = static_cast<int32_t>(p.groups);
  made.group_ins = static_cast<int32_t>(fprop ? ins : outs);
  made.group_outs = static_cast<int32_t>(fprop ? outs : ins);
  made.in_pixel = fprop ? p.x_pixel() : p.y_pixel();
  made.out_pixel = fprop ? p.y_pixel() : p.x_pixel();
  made.filter_group = outs * filter, made.filter_tap = ins;
  made.filter_in = fprop ? 1 : filter, made.filter_out = fprop ? filter : 1;
  made.epilogue.floor = -kInfinity, made.epilogue.ceiling = kInfinity;
  return made;
}

}  // namespace

CorrelationAxes::CorrelationAxes(const Conv2dProblem& p, Direction direction) {
  const auto axis = [direction](int64_t x, int64_t y, int64_t taps, int64_t stride, int64_t dilation,
                                int64_t pad) {
    const bool transposed = direction == Direction::Dgrad;
    return CorrelationAxis{static_cast<int32_t>(transposed ? y : x),
                           static_cast<int32_t>(transposed ? x : y),
                           static_cast<int32_t>(taps),
                           static_cast<int32_t>(stride),
                           static_cast<int32_t>(dilation),
                           static_cast<int32_t>(pad),
                           transposed};
  };
  rows = axis(p.h, p.p(), p.r, p.stride_h, p.dilation_h, p.pad_h);
  columns = axis(p.w, p.q(), p.s, p.stride_w, p.dilation_w, p.pad_w);
}

Correlation correlation_of(const Conv2dProblem& p, const Conv2dFprop<float>& args, float* statistics) {
  Correlation made = without_fused_operands(p, Direction::Fprop);
  made.in = args.x, made.filter = args.filter, made.out = args.y;
  made.statistics = p.statistics ? statistics : nullptr;
  if (p.prologue != Prologue::None)
    made.prologue = {args.in_scale, args.in_shift, p.prologue == Prologue::AffineRelu};
  OutputEpilogue& epilogue = made.epilogue;
  if (p.scale) epilogue.scale = args.out_scale;
  if (p.bias) epilogue.bias = args.bias;
  if (p.residual) epilogue.residual = args.residual, epilogue.residual_pixel = p.k;
  if (p.rectifies()) epilogue.floor = 0;
  epilogue.ceiling = p.ceiling();
  return made;
}

Correlation correlation_of(const Conv2dProblem& p, const Conv2dDgrad<float>& args) {
  Correlation made = without_fused_operands(p, Direction::Dgrad);
  made.in = args.dy, made.filter = args.filter, made.out = args.dx;
  if (p.addend) made.epilogue.addend = args.addend;
  if (p.mask != Rectifier::None) made.epilogue.rectified = args.rectified;
  made.epilogue.greatest_open = greatest_open(p.mask);
  return made;
}

void merge_statistics(const Conv2dProblem& p, const Conv2dFprop<float>& args, const float* statistics,
                      int64_t blocks, LaunchContext& context) {
  if (!p.statistics) return;
  context.launch({"merge_statistics", "merge_statistics"}, {ceil_div(p.k, kMergeChannels)},
                 {kMergeChannels, kMergeSlices},
                 MergeStatistics{statistics, blocks, p.k, args.mean, args.variance});
}

double fused_bytes(const Conv2dProblem& p, Direction direction, double threads_times_width, double blocks) {
  if (direction == Direction::Dgrad) {
    const double pixels = static_cast<double>(p.n * p.h * p.w);
    return 4 * pixels * static_cast<double>(p.c) * (1 + p.addend + (p.mask != Rectifier::None));
  }
  const double outputs = static_cast<double>(p.n * p.p() * p.q()) * static_cast<double>(p.k);
  const double per_thread = 2 * (p.prologue != Prologue::None) + p.scale + p.bias;
  const double statistics = p.statistics ? (2 * 3 * blocks + 2) * static_cast<double>(p.k) : 0;
  return 4 * (outputs * (1 + p.residual) + per_thread * threads_times_width + statistics);
}

}  // namespace lapidary::cuda
