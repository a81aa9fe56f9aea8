// draw_transforms: the parameters of views (native/data/transforms.h), by the host's own code.
//
// Variants: one. A thread draws one step of one sample; all threads of a block draw the same step.
//
// Bytes: a step 36 a sample, 56 a block of 128 samples. FLOPs: some 100 integer operations a Philox block of
// four numbers, one to five blocks a step; a rectangle takes two logarithms and an exponential in f64 an
// attempt. Roofline: instructions.
//
// Bench: lapidary bench --device cuda --kernel draw_transforms
#include "kernels/transforms/draw_transforms.h"

#include "data/transform_draws.h"
#include "device/fault.cuh"

namespace data = lapidary::data;

extern "C" __global__ void __launch_bounds__(128) draw_transforms(const DrawTransformsParameters p) {
  __shared__ double ranges_of_step[data::kStepRanges];
  __shared__ uint32_t epoch;
  const auto position = static_cast<int>(blockIdx.y);
  const data::Step step = p.step_at[position].widened();
  if (threadIdx.x < data::kStepRanges)
    ranges_of_step[threadIdx.x] = p.ranges[position * data::kStepRanges + threadIdx.x];
  if (threadIdx.x == 0) epoch = static_cast<uint32_t>(p.step->epoch);
  __syncthreads();
  const int64_t n = int64_t{blockIdx.x} * 128 + threadIdx.x;
  if (n >= p.n) return;
  data::Ranges ranges;
#pragma unroll
  for (int i = 0; i < data::kStepRanges; ++i) ranges[i] = ranges_of_step[i];
  const data::RangeFault fault = data::find_range_fault(step, ranges);
  if (fault != data::RangeFault::None && n == 0)
    report_fault(p.range_fault, position, static_cast<int32_t>(fault));
  const int32_t sample = p.index[n];
  if (sample < 0) report_fault(p.index_fault, static_cast<uint32_t>(n), sample);
  data::Parameters drawn{};
  if (fault == data::RangeFault::None && sample >= 0) {
    drawn = data::drawn_parameters(step, position, ranges,
                                   {p.seed, p.site, epoch, static_cast<uint32_t>(sample), p.view});
  }
  auto* out = reinterpret_cast<float4*>(p.parameters + (n * p.steps + position) * data::kStepParameters);
  const auto at = [&](int i) { return static_cast<float>(drawn[i]); };
  out[0] = make_float4(at(0), at(1), at(2), at(3));
  out[1] = make_float4(at(4), at(5), at(6), at(7));
}
