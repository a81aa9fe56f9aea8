// Host side of the layout kernels: see cuda/kernels/strided_copy.cu, fill.cu, gather.cu and cast.cu.
#include "ops/layout.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "cuda/kernels/merged_axes.h"
#include "cuda/launch_context.h"
#include "kernels/cast.h"
#include "kernels/fill.h"
#include "kernels/gather.h"
#include "kernels/strided_copy.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t kBlock = 256;

std::string with_bytes(const char* prefix, int64_t bytes) { return prefix + std::to_string(bytes); }

// Axes in the order in which they lie in y, so that neighbouring threads write neighbours.
MergedAxes axes_of(const StridedCopyProblem& p) {
  std::array<int, Dims::kMaxRank> order{};
  std::iota(order.begin(), order.begin() + p.dims.rank(), 0);
  std::stable_sort(order.begin(), order.begin() + p.dims.rank(),
                   [&](int left, int right) { return p.y_strides[left] > p.y_strides[right]; });
  Dims dims = p.dims, x_strides = p.dims, y_strides = p.dims;
  for (int axis = 0; axis < p.dims.rank(); ++axis) {
    const int from = order[static_cast<size_t>(axis)];
    dims[axis] = p.dims[from], x_strides[axis] = p.x_strides[from], y_strides[axis] = p.y_strides[from];
  }
  return {dims, x_strides, y_strides};
}

/// Copies `count` elements a run, from `begin` on, in the widest unit that divides everything.
void copy_part(const StridedCopyProblem& p, const StridedCopy<float>& args, MergedAxes axes, int64_t begin,
               int64_t count, LaunchContext& context) {
  const int last = axes.last();
  const auto divides = [&](int64_t unit) {
    if (axes.first[last] != 1 || axes.second[last] != 1) return false;
    bool whole = count % unit == 0 && (p.x_offset + begin) % unit == 0 && (p.y_offset + begin) % unit == 0;
    for (int axis = 0; axis < last; ++axis)
      whole = whole && axes.first[axis] % unit == 0 && axes.second[axis] % unit == 0;
    return whole;
  };
  const int64_t unit = divides(16 / p.bytes) ? 16 / p.bytes : divides(4 / p.bytes) ? 4 / p.bytes : 1;
  axes.extents[last] = count / unit;
  for (int axis = 0; axis < last; ++axis) axes.first[axis] /= unit, axes.second[axis] /= unit;
  const int64_t units = axes.extents.count(), bytes = unit * p.bytes;
  const char* x = reinterpret_cast<const char*>(args.x) + (p.x_offset + begin) * p.bytes;
  char* y = reinterpret_cast<char*>(args.y) + (p.y_offset + begin) * p.bytes;
  context.launch({"strided_copy", with_bytes("strided_copy_", bytes)},
                 {ceil_div(units, units_a_thread(bytes) * kBlock)}, {kBlock},
                 StridedCopyParameters{x, y, units, axes.pair()});
}

void copy_runs(const StridedCopyProblem& p, const StridedCopy<float>& args, LaunchContext& context) {
  const MergedAxes axes = axes_of(p);
  const int64_t run = axes.extents.back(), vector = 16 / p.bytes;
  const bool dense = axes.last() == 0 && axes.first[0] == 1 && axes.second[0] == 1;
  // What whole vectors leave of a dense copy goes by itself.
  const int64_t rest =
      dense && run > vector && p.x_offset % vector == 0 && p.y_offset % vector == 0 ? run % vector : 0;
  copy_part(p, args, axes, 0, run - rest, context);
  if (rest > 0) copy_part(p, args, axes, run - rest, rest, context);
}

/// The axis along which x has its neighbours; -1: none.
int x_axis(const MergedAxes& axes) {
  for (int axis = axes.last(); axis >= 0; --axis) {
    if (axes.first[axis] == 1) return axis;
  }
  return -1;
}

struct Transposed {
  int64_t rows, columns, tiles;
  MergedAxes rest;
};
Transposed transposed(const MergedAxes& axes) {
  const int column = x_axis(axes);
  Dims extents, first, second;
  for (int axis = 0; axis < axes.last(); ++axis) {
    if (axis == column) continue;
    extents.push_back(axes.extents[axis]);
    first.push_back(axes.first[axis]), second.push_back(axes.second[axis]);
  }
  const int64_t rows = axes.extents.back(), columns = axes.extents[column];
  return {rows, columns, ceil_div(rows, kTransposeTile) * ceil_div(columns, kTransposeTile) * extents.count(),
          MergedAxes(extents, first, second)};
}

std::string transposes_only(const StridedCopyProblem& p) {
  // Shorter rows are less than a sector of 32 bytes, and most of a tile would be idle.
  constexpr int64_t kShortest = 8, kMostBlocks = std::numeric_limits<int32_t>::max();
  const MergedAxes axes = axes_of(p);
  const int column = x_axis(axes);
  if (axes.second.back() != 1 || column < 0 || column == axes.last())
    return "expected neighbours along different axes";
  const Transposed t = transposed(axes);
  return t.rows >= kShortest && t.columns >= kShortest && t.tiles <= kMostBlocks
             ? ""
             : "expected axes of at least 8 elements, and 2^31 - 1 tiles at the most";
}

void transpose(const StridedCopyProblem& p, const StridedCopy<float>& args, LaunchContext& context) {
  const MergedAxes axes = axes_of(p);
  const Transposed t = transposed(axes);
  const auto tiles = [](int64_t extent) { return Divider(ceil_div(extent, kTransposeTile)); };
  context.launch({"strided_copy", with_bytes("transpose_", p.bytes)}, {t.tiles},
                 {kTransposeTile, kTransposeRows},
                 TransposeParameters{reinterpret_cast<const char*>(args.x) + p.x_offset * p.bytes,
                                     reinterpret_cast<char*>(args.y) + p.y_offset * p.bytes, t.rows,
                                     t.columns, axes.first.back(), axes.second[x_axis(axes)], tiles(t.rows),
                                     tiles(t.columns), t.rest.pair()});
}

double copy_bytes(const StridedCopyProblem& p) { return 2 * static_cast<double>(p.dims.count() * p.bytes); }

void fill_vectors(const FillProblem& p, const Fill<float>& args, LaunchContext& context) {
  context.launch({"fill", "fill"}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
                 FillParameters{args.y, p.count, p.value});
}

DescribeFault index_fault(const GatherProblem& p) {
  return [last = p.extent - 1](uint32_t position, int32_t index) {
    return Error(
        ErrorCode::Index,
        format("gather: expected indices in 0..%lld, got %d at position %u; check what computed the indices",
               static_cast<long long>(last), index, position));
  };
}

/// Bytes of the widest unit that divides a run.
int64_t gather_unit(const GatherProblem& p) {
  const int64_t run = p.inner * p.bytes;
  return run % 16 == 0 ? 16 : run % 4 == 0 ? 4 : 1;
}

void gather_units(const GatherProblem& p, const GatherForward<float>& args, LaunchContext& context) {
  const int64_t unit = gather_unit(p), inner = p.inner * p.bytes / unit, count = p.outer * p.picks * inner;
  context.launch({"gather", with_bytes("gather_forward_", unit)},
                 {ceil_div(count, units_a_thread(unit) * kBlock)}, {kBlock},
                 GatherForwardParameters{args.x, args.index, args.y, count, p.extent, Divider(inner),
                                         Divider(p.picks), context.fault_word(index_fault(p))});
}

double gather_bytes(const GatherProblem& p) {
  const auto moved = static_cast<double>(p.outer * p.picks * p.inner * p.bytes);
  return 2 * moved + 4 * moved / static_cast<double>(gather_unit(p));
}

std::string linkable(const GatherProblem& p) {
  return p.picks <= std::numeric_limits<int32_t>::max() ? "" : "expected fewer than 2^31 picks";
}

size_t links_bytes(const GatherProblem& p) { return static_cast<size_t>(p.extent + p.picks) * 4; }

void gather_links(const GatherProblem& p, const GatherBackward<float>& args, LaunchContext& context) {
  auto* first = static_cast<int32_t*>(context.workspace);
  int32_t* next = first + p.extent;
  const auto picks = static_cast<int32_t>(p.picks);
  context.set_zero(first, static_cast<size_t>(p.extent) * 4);
  context.launch(
      {"gather", "gather_links"}, {ceil_div(p.picks, kGatherLinksBlock)}, {kGatherLinksBlock},
      GatherLinksParameters{args.index, first, next, p.extent, picks, context.fault_word(index_fault(p))});
  const int64_t unit = p.inner % 4 == 0 ? 4 : 1, inner = p.inner / unit, count = p.outer * p.extent * inner;
  context.launch({"gather", unit == 4 ? "gather_backward_vectors" : "gather_backward_elements"},
                 {ceil_div(count, kBlock)}, {kBlock},
                 GatherBackwardParameters{args.dy, first, next, args.dx, count, Divider(inner),
                                          Divider(p.extent), picks});
}

/// Where no pick finds another of its kind before the end: all blocks read all indices from theirs on.
double gather_links_traffic(const GatherProblem& p) {
  const auto picks = static_cast<double>(p.picks), elements = static_cast<double>(p.outer * p.inner);
  const auto blocks = static_cast<double>(ceil_div(p.picks, kGatherLinksBlock));
  const double reads = blocks * picks - kGatherLinksBlock * blocks * (blocks - 1) / 2;
  const double links = 4 * (2 * picks + reads);
  const double both = (picks + static_cast<double>(p.extent)) * elements;
  return links + 4 * both + 4 * both / (p.inner % 4 == 0 ? 4 : 1);
}

void cast_vectors(const CastProblem& p, const Cast<float>& args, LaunchContext& context) {
  const auto launch = [&]<class From, class To>(const char* function, const From* x, To* y) {
    context.launch({"cast", function}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
                   CastParameters<From, To>{x, y, p.count});
  };
  switch (p.kind) {
    case CastKind::U8ToF32:
      return launch("cast_u8_to_f32", static_cast<const uint8_t*>(args.x), static_cast<float*>(args.y));
    case CastKind::I32ToF32:
      return launch("cast_i32_to_f32", static_cast<const int32_t*>(args.x), static_cast<float*>(args.y));
    case CastKind::F32ToI32:
      return launch("cast_f32_to_i32", static_cast<const float*>(args.x), static_cast<int32_t*>(args.y));
  }
}

}  // namespace

ImplementationList strided_copy() {
  return {
      with_traffic<StridedCopyProblem, &copy_bytes>(
          implementation<StridedCopy<float>, &transpose, &transposes_only>("transpose")),
      with_traffic<StridedCopyProblem, &copy_bytes>(implementation<StridedCopy<float>, &copy_runs>("runs"))};
}
ImplementationList fill() { return {implementation<Fill<float>, &fill_vectors>("vectors")}; }
ImplementationList gather_forward() {
  return {with_traffic<GatherProblem, &gather_bytes>(
      implementation<GatherForward<float>, &gather_units>("units"))};
}
ImplementationList gather_backward() {
  return {with_traffic<GatherProblem, &gather_links_traffic>(
      implementation<GatherBackward<float>, &gather_links, &linkable, &links_bytes>("links"))};
}
ImplementationList cast() { return {implementation<Cast<float>, &cast_vectors>("vectors")}; }

}  // namespace lapidary::cuda
