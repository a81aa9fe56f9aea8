// reduce_forward, sum and mean: y[outer, inner] = scale times the sum of x [outer, extent, inner] over the
// extent. Also counts of ties for reduce_extreme_backward, and the mean of a vector for others.
//
// Batches of 8 values (4 vectors) are added in registers, the batches to the thread's sum, the threads' sums
// as a tree; so is the order of additions fixed, and their error small.
//
// Variants
//   rows     inner = 1, extents up to 2,048: a power of two of lanes a row, 16-byte loads in whole vectors.
//   outputs  extent inner < 256: a thread an output.
//   columns  else, in tiles of columns (kernels/column_tiles.h); their chunks are added by a second launch.
//            Long rows of whole vectors run as [outer, extent / 4, 4]: the second launch adds the four.
//
// Bytes: 4 outer inner (extent + 1); with c chunks (4 c with rows as vectors) that the second launch adds, 8
// outer inner c more.
// FLOPs: 1 an element. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel reduce_forward
#include "kernels/reduce/reduce_extent.cuh"

namespace {

struct Sum {
  static constexpr bool kPositions = false;
  float sum;

  __device__ static Sum none(const ReduceOperands&) { return {0}; }
  template <int kBatch>
  __device__ void add(const float (&x)[kBatch], const uint32_t (&)[kBatch], int count,
                      const ReduceOperands&) {
    float batch = 0;
#pragma unroll
    for (int i = 0; i < kBatch; ++i)
      if (i < count) batch += x[i];
    sum += batch;
  }
  __device__ void merge(const Sum& other, const ReduceOperands&) { sum += other.sum; }
  __device__ void finish(const ReduceOperands& p, int64_t at) const {
    p.y[at] = p.divided ? p.divided[at] / fmaxf(sum, 1.0f) : sum * p.scale;
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(256) sum_rows_1(const ReduceRowsParameters p) {
  reduce_extent::rows<Sum, 1>(p);
}
extern "C" __global__ void __launch_bounds__(256) sum_rows_4(const ReduceRowsParameters p) {
  reduce_extent::rows<Sum, 4>(p);
}
extern "C" __global__ void __launch_bounds__(128) sum_outputs(const ReduceOutputsParameters p) {
  reduce_extent::outputs<Sum>(p);
}
extern "C" __global__ void __launch_bounds__(256) sum_columns_1(const ReduceColumnsParameters p) {
  reduce_extent::columns<Sum, 1>(p);
}
extern "C" __global__ void __launch_bounds__(256) sum_columns_4(const ReduceColumnsParameters p) {
  reduce_extent::columns<Sum, 4>(p);
}
