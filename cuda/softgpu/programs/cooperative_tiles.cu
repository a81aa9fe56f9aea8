// Cooperative groups inside a block: tiled partitions of 16, 4 and 32, reductions and scans over them,
// coalesced groups under divergence, and labelled partitions.
//
// Proves shuffles, votes and barriers whose masks are parts of a warp and differ between its parts.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>

namespace cg = cooperative_groups;

// out[0..n): sum over the 16 of a tile; then largest over 4; then exclusive scan over 16; then rank by
// shuffles
extern "C" __global__ void tiles(const int* x, int* out, int count) {
  const cg::thread_block block = cg::this_thread_block();
  const auto sixteen = cg::tiled_partition<16>(block);
  const auto four = cg::tiled_partition<4>(sixteen);
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int value = i < count ? x[i] : 0;
  const int sum = cg::reduce(sixteen, value, cg::plus<int>());
  const int most = cg::reduce(four, value, cg::greater<int>());
  const int before = cg::exclusive_scan(sixteen, value);
  int rank = 0;
  for (unsigned other = 0; other < sixteen.size(); ++other) rank += sixteen.shfl(value, other) < value;
  if (i >= count) return;
  out[i] = sum;
  out[count + i] = most;
  out[2 * count + i] = before;
  out[3 * count + i] = rank;
}

// Compacts what is greater than `threshold`, one atomic for the lanes that came here together.
extern "C" __global__ void filter(const int* x, int count, int threshold, int* kept, int* kept_count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count || x[i] <= threshold) return;
  const cg::coalesced_group together = cg::coalesced_threads();
  int place = 0;
  if (together.thread_rank() == 0) place = atomicAdd(kept_count, static_cast<int>(together.size()));
  place = together.shfl(place, 0) + together.thread_rank();
  kept[place] = x[i];
}

// sums[label] += x, one atomic for the lanes of a warp with equal labels.
extern "C" __global__ void sum_by_label(const int* x, const int* labels, int count, int* sums) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const cg::coalesced_group warp = cg::coalesced_threads();
  const cg::coalesced_group same = cg::labeled_partition(warp, labels[i]);
  const int sum = cg::reduce(same, x[i], cg::plus<int>());
  if (same.thread_rank() == 0) atomicAdd(sums + labels[i], sum);
}
