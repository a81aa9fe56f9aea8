// reduce_forward, max, min and argmax: the extreme of x [outer, extent, inner] over the extent, or its
// position. The first of equals wins, a NaN wins over every number.
//
// Extremes go with their positions, which make the first of equals the same in any order of merging.
// Positions are 32-bit; beyond 2^32 they wrap, which is seen by max and min of zeros of both signs only.
//
// Variants: as reduce_sum.cu.
// Bytes: 4 outer inner (extent + 1); with c chunks (4 c with rows as vectors) that the second launch merges,
// 16 outer inner c more.
// FLOPs: 1 comparison an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel reduce_forward --problem "outer=64 extent=4096 kind=max"
#include "kernels/reduce/reduce_extent.cuh"

namespace {

using reduce_extent::equal;

struct Extreme {
  static constexpr bool kPositions = true;
  float value;
  uint32_t position;

  /// Behind every value, so behind equal ones too.
  __device__ static Extreme none(const ReduceOperands& p) {
    return {p.least ? INFINITY : -INFINITY, 0xffffffffu};
  }
  template <int kBatch>
  __device__ void add(const float (&x)[kBatch], const uint32_t (&positions)[kBatch], int count,
                      const ReduceOperands& p) {
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (i < count) merge({x[i], positions[i]}, p);
  }
  __device__ void merge(const Extreme& other, const ReduceOperands& p) {
    const bool beyond = p.least ? other.value < value : other.value > value;
    const bool first_nan = (other.value != other.value) & (value == value);
    const bool earlier = equal(other.value, value) & (other.position < position);
    const bool wins = beyond | first_nan | earlier;  // no branches
    value = wins ? other.value : value;
    position = wins ? other.position : position;
  }
  __device__ void finish(const ReduceOperands& p, int64_t at) const {
    if (p.y) p.y[at] = value;
    if (p.y_positions) p.y_positions[at] = position;
    if (p.index) p.index[at] = static_cast<int32_t>(position);
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(256) extreme_rows_1(const ReduceRowsParameters p) {
  reduce_extent::rows<Extreme, 1>(p);
}
extern "C" __global__ void __launch_bounds__(256) extreme_rows_4(const ReduceRowsParameters p) {
  reduce_extent::rows<Extreme, 4>(p);
}
extern "C" __global__ void __launch_bounds__(128) extreme_outputs(const ReduceOutputsParameters p) {
  reduce_extent::outputs<Extreme>(p);
}
extern "C" __global__ void __launch_bounds__(256) extreme_columns_1(const ReduceColumnsParameters p) {
  reduce_extent::columns<Extreme, 1>(p);
}
extern "C" __global__ void __launch_bounds__(256, 3) extreme_columns_4(const ReduceColumnsParameters p) {
  reduce_extent::columns<Extreme, 4>(p);
}
