// First of transform_images: parameters and indices that cannot be applied are reported, and replaced by ones
// that can, so that the kernels after it read no memory that is not theirs.
//
// Variants: one each, a thread a step of a sample, or an index. Bytes: 64 a step of a sample, 8 an index.
// Roofline: memory, and next to nothing beside the pictures.
//
// Bench: lapidary bench --device cuda --kernel transform_images
#include "kernels/transforms/check_transforms.h"

#include "data/transform_draws.h"
#include "device/fault.cuh"

namespace data = lapidary::data;

extern "C" __global__ void __launch_bounds__(128) check_parameters(const CheckParametersParameters p) {
  const auto position = static_cast<int>(blockIdx.y);
  const int64_t row = int64_t{blockIdx.x} * 128 + threadIdx.x;
  if (row >= p.rows) return;
  const data::Step step = p.step_at[position].widened();
  const int64_t at = (row * p.steps + position) * (data::kStepParameters / 4);
  float4 low = reinterpret_cast<const float4*>(p.given)[at],
         high = reinterpret_cast<const float4*>(p.given)[at + 1];
  const data::ParameterFault fault =
      data::find_parameter_fault(step, {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w});
  if (fault != data::ParameterFault::None) {
    // The first sample's first step counts.
    report_fault(p.fault, static_cast<uint32_t>(row), position * 4 + static_cast<int32_t>(fault));
    const bool sized = data::changes_size(step.kind), boxed = step.kind == data::TransformKind::ResizedCrop;
    low = make_float4(sized ? 1 : 0, 0, 0, boxed ? static_cast<float>(step.in_h) : 0);
    high = make_float4(boxed ? static_cast<float>(step.in_w) : 0, 0, 0, 0);
  }
  reinterpret_cast<float4*>(p.checked)[at] = low;
  reinterpret_cast<float4*>(p.checked)[at + 1] = high;
}

extern "C" __global__ void __launch_bounds__(128) check_indices(const CheckIndicesParameters p) {
  const int64_t n = int64_t{blockIdx.x} * 128 + threadIdx.x;
  if (n >= p.n) return;
  const int32_t index = p.index[n];
  const bool good = index >= 0 && index < p.images;
  if (!good) report_fault(p.fault, static_cast<uint32_t>(n), index);
  p.checked[n] = good ? index : 0;
}
