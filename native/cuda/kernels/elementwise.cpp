// Host side of the elementwise kernels: see cuda/kernels/unary.cu and binary.cu.
#include "ops/elementwise.h"

#include "cuda/kernels/merged_axes.h"
#include "cuda/launch_context.h"
#include "kernels/binary.h"
#include "kernels/unary.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t kBlock = 256;

template <class Kind>
std::string kernel_name(const char* prefix, Kind kind) {
  return std::string(prefix) + enum_names(kind)[static_cast<int>(kind)];
}

void forward(const UnaryProblem& p, const UnaryForward<float>& args, LaunchContext& context) {
  context.launch({"unary", kernel_name("unary_forward_", p.kind)}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
                 UnaryForwardParameters{args.x, args.y, p.count, p.p0, p.p1});
}

void backward(const UnaryProblem& p, const UnaryBackward<float>& args, LaunchContext& context) {
  context.launch({"unary", kernel_name("unary_backward_", p.kind)}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
                 UnaryBackwardParameters{args.saved, args.dy, args.dx, p.count, p.p0, p.p1});
}

MergedAxes axes_of(const BinaryProblem& p) { return {p.dims, p.a_strides, p.b_strides}; }

std::string flat_only(const BinaryProblem& p) {
  const MergedAxes axes = axes_of(p);
  return axes.last() == 0 && axes.first[0] <= 1 && axes.second[0] <= 1
             ? ""
             : "expected inputs that are dense or of one value";
}

void flat(const BinaryProblem& p, const Binary<float>& args, LaunchContext& context) {
  const MergedAxes axes = axes_of(p);
  const int64_t count = axes.extents[0];
  context.launch(
      {"binary", kernel_name("binary_flat_", p.kind)}, {ceil_div(count, 4 * kBlock)}, {kBlock},
      BinaryFlatParameters{args.a, args.b, args.y, count, axes.first[0] == 0, axes.second[0] == 0});
}

double flat_bytes(const BinaryProblem& p) {
  const MergedAxes axes = axes_of(p);
  const int64_t count = axes.extents[0], warps = ceil_div(count, 4 * kBlock) * (kBlock / 32);
  const auto side = [&](int64_t stride) { return static_cast<double>(stride == 0 ? warps : count); };
  return 4 * (static_cast<double>(count) + side(axes.first[0]) + side(axes.second[0]));
}

/// Whether vectors of 4 along the innermost axis are vectors, or one value, of a side.
bool has_vectors(const Dims& strides) {
  for (int axis = 0; axis < strides.rank() - 1; ++axis) {
    if (strides.back() == 1 && strides[axis] % 4 != 0) return false;
  }
  return strides.back() <= 1;
}

std::string vectors_only(const BinaryProblem& p) {
  const MergedAxes axes = axes_of(p);
  return axes.extents.back() % 4 == 0 && has_vectors(axes.first) && has_vectors(axes.second)
             ? ""
             : "expected rows of whole vectors of 4";
}

void strided_vectors(const BinaryProblem& p, const Binary<float>& args, LaunchContext& context) {
  MergedAxes axes = axes_of(p);
  const int last = axes.last();
  const bool a_repeats = axes.first[last] == 0, b_repeats = axes.second[last] == 0;
  axes.extents[last] /= 4, axes.first[last] *= 4, axes.second[last] *= 4;
  const int64_t vectors = axes.extents.count();
  context.launch({"binary", kernel_name("binary_strided_vectors_", p.kind)}, {ceil_div(vectors, kBlock)},
                 {kBlock},
                 BinaryStridedParameters{args.a, args.b, args.y, vectors, axes.pair(), a_repeats, b_repeats});
}

double strided_vectors_bytes(const BinaryProblem& p) {
  const MergedAxes axes = axes_of(p);
  const auto side = [](int64_t stride) { return stride == 0 ? 0.25 : 1; };
  return 4 * static_cast<double>(axes.extents.count()) *
         (1 + side(axes.first.back()) + side(axes.second.back()));
}

void strided(const BinaryProblem& p, const Binary<float>& args, LaunchContext& context) {
  const MergedAxes axes = axes_of(p);
  const int64_t count = axes.extents.count();
  context.launch({"binary", kernel_name("binary_strided_", p.kind)},
                 {ceil_div(count, kBinaryStridedElements * kBlock)}, {kBlock},
                 BinaryStridedParameters{args.a, args.b, args.y, count, axes.pair(), false, false});
}

double strided_bytes(const BinaryProblem& p) { return 12 * static_cast<double>(p.dims.count()); }

}  // namespace

ImplementationList unary_forward() { return {implementation<UnaryForward<float>, &forward>("vectors")}; }
ImplementationList unary_backward() { return {implementation<UnaryBackward<float>, &backward>("vectors")}; }

ImplementationList binary() {
  return {with_traffic<BinaryProblem, &flat_bytes>(implementation<Binary<float>, &flat, &flat_only>("flat")),
          with_traffic<BinaryProblem, &strided_vectors_bytes>(
              implementation<Binary<float>, &strided_vectors, &vectors_only>("strided_vectors")),
          with_traffic<BinaryProblem, &strided_bytes>(implementation<Binary<float>, &strided>("strided"))};
}

}  // namespace lapidary::cuda
