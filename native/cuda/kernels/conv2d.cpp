// Host side of the dense convolutions: see cuda/kernels/conv2d/.
#include "ops/conv2d.h"

#include <algorithm>
#include <numeric>

#include "cuda/kernels/column_sum.h"
#include "cuda/kernels/conv2d_grouped.h"
#include "cuda/kernels/tile_choice.h"
#include "cuda/launch_context.h"
#include "kernels/conv2d/dgrad_implicit_gemm.h"
#include "kernels/conv2d/fprop_implicit_gemm.h"
#include "kernels/conv2d/wgrad_implicit_gemm.h"

namespace lapidary::cuda {
namespace {

std::string supports_dense(const Conv2dProblem& p) {
  return p.groups == 1 ? "" : "several groups: takes dense convolutions only";
}

int32_t extent(int64_t value) { return static_cast<int32_t>(value); }
uint32_t count(int64_t tiles) { return static_cast<uint32_t>(tiles); }  // grids have fewer than 2^31 blocks
bool fours(int64_t channels, int64_t pixel) { return channels % 4 == 0 && pixel % 4 == 0; }
int64_t output_pixels(const Conv2dProblem& p) { return p.n * p.p() * p.q(); }
int64_t taps(const Conv2dProblem& p) { return p.r * p.s * p.c; }

Conv2dPrologue prologue(const Conv2dProblem& p, const float* scale, const float* shift) {
  if (p.prologue == Prologue::None) return {};
  return {scale, shift, p.prologue == Prologue::AffineRelu};
}

/// (output, tap) pairs of an axis that lie inside of the input.
double pairs(int64_t input, int64_t output, int64_t filter, int64_t stride, int64_t pad, int64_t dilation) {
  int64_t count = 0;
  for (int64_t tap = 0; tap < filter; ++tap) {
    const int64_t shift = pad - tap * dilation;  // the input is at output * stride - shift
    const int64_t first = shift > 0 ? ceil_div(shift, stride) : 0;
    const int64_t last = input - 1 + shift < 0 ? -1 : std::min(output - 1, (input - 1 + shift) / stride);
    count += std::max<int64_t>(0, last - first + 1);
  }
  return static_cast<double>(count);
}
double pairs(const Conv2dProblem& p) {
  return static_cast<double>(p.n) * pairs(p.h, p.p(), p.r, p.stride_h, p.pad_h, p.dilation_h) *
         pairs(p.w, p.q(), p.s, p.stride_w, p.pad_w, p.dilation_w);
}

// fprop

TiledProduct fprop_product(const Conv2dProblem& p) { return tiled_product(output_pixels(p), p.k); }

void fprop_implicit_gemm(const Conv2dProblem& p, const Conv2dFprop<float>& args, LaunchContext& context) {
  const TiledProduct product = fprop_product(p);
  FpropParameters parameters{
      .x = args.x,
      .filter = args.filter,
      .out_scale = args.out_scale,
      .bias = args.bias,
      .residual = args.residual,
      .y = args.y,
      .statistics = p.statistics ? static_cast<float*>(context.workspace) : nullptr,
      .prologue = prologue(p, args.in_scale, args.in_shift),
      .pixels = output_pixels(p),
      .column_tiles = count(product.column_tiles),
      .x_pixel = p.x_pixel(),
      .y_pixel = p.y_pixel(),
      .k = p.k,
      .sum = taps(p),
      .h = extent(p.h),
      .w = extent(p.w),
      .p = extent(p.p()),
      .q = extent(p.q()),
      .r = extent(p.r),
      .stride_h = extent(p.stride_h),
      .stride_w = extent(p.stride_w),
      .pad_h = extent(p.pad_h),
      .pad_w = extent(p.pad_w),
      .dilation_h = extent(p.dilation_h),
      .dilation_w = extent(p.dilation_w),
      .depth = NestedWalk(p.s, p.c, kProductDepth),
      .ceiling = p.ceiling(),
      .rectify = p.rectifies(),
      .wide_c = fours(p.c, p.x_pixel()),
      .wide_k = fours(p.k, p.y_pixel()),
  };
  const std::string function = format("fprop_%s", product.name);
  context.launch({"fprop_implicit_gemm", function}, {product.tiles()}, {product.shape.threads()}, parameters);
  if (!p.statistics) return;
  context.launch({"fprop_implicit_gemm", "fprop_statistics"}, {ceil_div(p.k, kStatisticsChannels)},
                 {kStatisticsThreads},
                 FpropStatisticsParameters{parameters.statistics, args.mean, args.variance, product.row_tiles,
                                           p.k, parameters.pixels, product.shape.rows});
}

size_t fprop_workspace(const Conv2dProblem& p) {
  if (!p.statistics) return 0;
  return static_cast<size_t>(fprop_product(p).row_tiles * 2 * p.k) * sizeof(float);
}

double fprop_traffic(const Conv2dProblem& p) {
  const TiledProduct product = fprop_product(p);
  const auto c = static_cast<double>(p.c), k = static_cast<double>(p.k), sum = static_cast<double>(taps(p)),
             row_tiles = static_cast<double>(product.row_tiles),
             column_tiles = static_cast<double>(product.column_tiles),
             outputs = static_cast<double>(output_pixels(p)) * k;
  double floats = column_tiles * pairs(p) * c + row_tiles * k * sum + outputs;
  if (p.prologue != Prologue::None) floats += 2 * row_tiles * column_tiles * sum;
  floats += (p.scale + p.bias) * row_tiles * k * product.shape.down();
  if (p.residual) floats += outputs;
  if (p.statistics) floats += (5 * row_tiles + 2) * k;
  return 4 * floats;
}

// dgrad

DgradAxis dgrad_axis(int64_t input, int64_t output, int64_t filter, int64_t stride, int64_t pad,
                     int64_t dilation) {
  const int64_t common = std::gcd(stride, dilation), modulus = stride / common;
  int64_t inverse = 0;
  while (dilation / common * inverse % modulus != 1 % modulus) ++inverse;
  return {extent(input), extent(output),   extent(filter), extent(stride),
          extent(pad),   extent(dilation), extent(common), extent(inverse)};
}

/// Pixels first, first + stride, ... of an axis.
int64_t class_extent(int64_t input, int64_t stride, int64_t first) { return ceil_div(input - first, stride); }

TiledProduct dgrad_product(const Conv2dProblem& p) {
  const int64_t classes = std::min(p.stride_h, p.h) * std::min(p.stride_w, p.w);
  return tiled_product(p.n * class_extent(p.h, p.stride_h, 0) * class_extent(p.w, p.stride_w, 0), p.c,
                       classes);
}

void dgrad_implicit_gemm(const Conv2dProblem& p, const Conv2dDgrad<float>& args, LaunchContext& context) {
  const TiledProduct product = dgrad_product(p);
  const DgradParameters parameters{
      .dy = args.dy,
      .filter = args.filter,
      .addend = args.addend,
      .rectified = args.rectified,
      .dx = args.dx,
      .column_tiles = count(product.column_tiles),
      .n = p.n,
      .c = p.c,
      .k = p.k,
      .x_pixel = p.x_pixel(),
      .y_pixel = p.y_pixel(),
      .h = dgrad_axis(p.h, p.p(), p.r, p.stride_h, p.pad_h, p.dilation_h),
      .w = dgrad_axis(p.w, p.q(), p.s, p.stride_w, p.pad_w, p.dilation_w),
      .greatest_open = greatest_open(p.mask),
      .wide_c = fours(p.c, p.x_pixel()),
      .wide_filter = p.c % 4 == 0,
      .wide_k = fours(p.k, p.y_pixel()),
  };
  const std::string function = format("dgrad_%s", product.name);
  context.launch({"dgrad_implicit_gemm", function},
                 {product.tiles(), std::min(p.stride_h, p.h), std::min(p.stride_w, p.w)},
                 {product.shape.threads()}, parameters);
}

double dgrad_traffic(const Conv2dProblem& p) {
  const TiledProduct product = dgrad_product(p);
  const auto taps_of = [](int64_t first, int64_t filter, int64_t stride, int64_t pad, int64_t dilation) {
    int64_t count = 0;
    for (int64_t tap = 0; tap < filter; ++tap) count += (first + pad - tap * dilation) % stride == 0;
    return count;
  };
  int64_t rows_of_filter = 0;
  for (int64_t h = 0; h < std::min(p.stride_h, p.h); ++h) {
    const int64_t taps_h = taps_of(h, p.r, p.stride_h, p.pad_h, p.dilation_h);
    for (int64_t w = 0; w < std::min(p.stride_w, p.w); ++w) {
      const int64_t pixels = p.n * class_extent(p.h, p.stride_h, h) * class_extent(p.w, p.stride_w, w);
      rows_of_filter += ceil_div(pixels, product.shape.rows) * taps_h *
                        taps_of(w, p.s, p.stride_w, p.pad_w, p.dilation_w) * p.k;
    }
  }
  const auto c = static_cast<double>(p.c), k = static_cast<double>(p.k);
  const double inputs = static_cast<double>(p.n * p.h * p.w) * c;
  return 4 *
         (static_cast<double>(product.column_tiles) * pairs(p) * k + static_cast<double>(rows_of_filter) * c +
          inputs * (1 + p.addend + (p.mask != Rectifier::None)));
}

// wgrad

/// How the pixels that a filter's gradient is summed over are split among blocks.
struct WgradPlan {
  TiledProduct product;
  int64_t split_pixels, splits;

  explicit WgradPlan(const Conv2dProblem& p) {
    constexpr int64_t kLeast = 256;  // fewer would not pay for storing and adding another partial sum
    constexpr int64_t kMost = 8192;  // more in one chain of additions would cost digits
    const int64_t pixels = output_pixels(p), most_splits = ceil_div(pixels, kLeast);
    product = tiled_product(taps(p), p.k, most_splits);
    const int64_t wanted = std::min(ceil_div(kBusyTiles, product.tiles()), most_splits);
    const int64_t even = ceil_div(pixels, std::max(wanted, ceil_div(pixels, kMost)));
    split_pixels = ceil_div(even, kProductDepth) * kProductDepth;
    splits = ceil_div(pixels, split_pixels);
  }
};

void wgrad_implicit_gemm(const Conv2dProblem& p, const Conv2dWgrad<float>& args, LaunchContext& context) {
  const WgradPlan plan(p);
  const int64_t sum = taps(p), filter = p.k * sum;
  auto* const partial = static_cast<float*>(context.workspace);
  const WgradParameters parameters{
      .x = args.x,
      .dy = args.dy,
      .dfilter = plan.splits == 1 ? args.dfilter : partial,
      .prologue = prologue(p, args.in_scale, args.in_shift),
      .pixels = output_pixels(p),
      .split_pixels = plan.split_pixels,
      .column_tiles = count(plan.product.column_tiles),
      .row_tiles = count(plan.product.row_tiles),
      .x_pixel = p.x_pixel(),
      .y_pixel = p.y_pixel(),
      .k = p.k,
      .sum = sum,
      .h = extent(p.h),
      .w = extent(p.w),
      .c = extent(p.c),
      .stride_h = extent(p.stride_h),
      .stride_w = extent(p.stride_w),
      .pad_h = extent(p.pad_h),
      .pad_w = extent(p.pad_w),
      .dilation_h = extent(p.dilation_h),
      .dilation_w = extent(p.dilation_w),
      .taps = NestedWalk(p.s, p.c, kProductDepth),
      .depth = NestedWalk(p.p(), p.q(), kProductDepth),
      .wide_c = fours(p.c, p.x_pixel()),
      .wide_k = fours(p.k, p.y_pixel()),
      .wide_filter = sum % 4 == 0,
  };
  const std::string function = format("wgrad_%s", plan.product.name);
  context.launch({"wgrad_implicit_gemm", function}, {plan.product.tiles() * plan.splits},
                 {plan.product.shape.threads()}, parameters);
  if (plan.splits > 1)
    sum_columns(partial, args.dfilter, plan.splits, filter, partial + plan.splits * filter, context);
}

size_t wgrad_workspace(const Conv2dProblem& p) {
  const WgradPlan plan(p);
  if (plan.splits == 1) return 0;
  const int64_t filter = p.k * taps(p);
  return static_cast<size_t>(plan.splits * filter) * sizeof(float) +
         column_sum_workspace(plan.splits, filter);
}

double wgrad_traffic(const Conv2dProblem& p) {
  const WgradPlan plan(p);
  const auto c = static_cast<double>(p.c), k = static_cast<double>(p.k), sum = static_cast<double>(taps(p)),
             row_tiles = static_cast<double>(plan.product.row_tiles),
             column_tiles = static_cast<double>(plan.product.column_tiles),
             splits = static_cast<double>(plan.splits);
  double floats =
      column_tiles * pairs(p) * c + row_tiles * static_cast<double>(output_pixels(p)) * k + splits * k * sum;
  if (p.prologue != Prologue::None) floats += 2 * column_tiles * splits * sum;
  return 4 * floats + (plan.splits > 1 ? column_sum_traffic(plan.splits, p.k * taps(p)) : 0);
}

ImplementationList with_dense(ImplementationList grouped, Implementation dense) {
  grouped.push_back(dense);
  return grouped;
}

}  // namespace

ImplementationList conv2d_fprop() {
  return with_dense(
      grouped_fprop(),
      with_traffic<Conv2dProblem, &fprop_traffic>(
          implementation<Conv2dFprop<float>, &fprop_implicit_gemm, &supports_dense, &fprop_workspace>(
              "implicit_gemm_simt")));
}
ImplementationList conv2d_dgrad() {
  return with_dense(
      grouped_dgrad(),
      with_traffic<Conv2dProblem, &dgrad_traffic>(
          implementation<Conv2dDgrad<float>, &dgrad_implicit_gemm, &supports_dense>("implicit_gemm_simt")));
}
ImplementationList conv2d_wgrad() {
  return with_dense(
      grouped_wgrad(),
      with_traffic<Conv2dProblem, &wgrad_traffic>(
          implementation<Conv2dWgrad<float>, &wgrad_implicit_gemm, &supports_dense, &wgrad_workspace>(
              "implicit_gemm_simt")));
}

}  // namespace lapidary::cuda
