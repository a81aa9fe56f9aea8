// Channel scores, the threshold of magnitude pruning and its masks (native/ops/prune.h).
//
// channel_scores, two variants: a warp a channel of less than 1,024 weights, else a block of 256 threads. A
// thread adds 64 quads in f32, then in f64.
//
// magnitude_threshold: radix selection. The bits of a magnitude, read as an integer, are in its order.
// `count_digit` counts digits of 11, 10 and 10 bits in shared memory, a block for kTiePiece elements of a
// tensor, and adds what it found to counts in global memory; `choose_digit`, one block, finds the digit in
// which the rank lies. `count_ties` counts those of just the threshold in each piece of the joined tensors,
// `share_ties` shares those that go among the pieces, the first ones first. All are whole numbers, so no
// order of blocks changes them, and the host learns nothing in between. After a NaN the threshold is NaN,
// with which prune_mask leaves all weights as they are.
//
// prune_mask: a block a piece of the joined tensors, tile by tile in their order while it has ties to prune.
//
// Bytes, n weights in k parts of at most kTiePiece and in t pieces: scores 4 n + 4 a channel; threshold
// 16 n + 16 k + 8 t + 110,644 for the choices, besides an atomic sum for each bin that a part has met; masks
// 5 n, 4 for each weight of a quad with a pruned one, 8 t, 8 a launch.
//
// FLOPs: 1 or 2 a weight for scores.
//
// Roofline: memory; for the first digit near the shared memory's atomics, as weights have few exponents.
//
// Bench: lapidary bench --device cuda --kernel channel_scores (magnitude_threshold, prune_mask)
#include "kernels/prune.h"

#include "device/block_reduce.cuh"
#include "device/block_scan.cuh"
#include "device/fault.cuh"
#include "device/quad.cuh"

namespace {

/// Sum of one channel's weights, by `threads` threads of which this is number `thread`: each its own part.
__device__ inline double partial_score(const ChannelScoresParameters& p, int64_t channel, int thread,
                                       int threads) {
  const int64_t first = channel * p.weights, last = first + p.weights;
  double total = 0;
  float sum = 0;
  int added = 0;
  for (int64_t i = first / 4 * 4 + 4 * thread; i < last; i += 4 * threads) {
    const Quad<float> weight = load_quad(p.filter, i, first, last);
#pragma unroll
    for (int e = 0; e < 4; ++e) sum += p.squared ? weight[e] * weight[e] : fabsf(weight[e]);
    if (++added == 64) {
      total += sum;
      sum = 0, added = 0;
    }
  }
  return total + sum;
}

__device__ inline float score_of(const ChannelScoresParameters& p, double sum) {
  return static_cast<float>(p.squared ? sqrt(sum) : sum);
}

__device__ inline uint32_t magnitude_bits(float weight) { return __float_as_uint(weight) & 0x7fffffffu; }
constexpr uint32_t kInfinityBits = 0x7f800000u, kNanBits = 0x7fffffffu;

}  // namespace

extern "C" __global__ void __launch_bounds__(256) channel_scores_warps(const ChannelScoresParameters p) {
  const int64_t channel = int64_t{blockIdx.x} * 8 + threadIdx.x / 32;
  if (channel >= p.channels) return;
  const double sum = warp_sum(partial_score(p, channel, threadIdx.x % 32, 32));
  if (threadIdx.x % 32 == 0) p.score[channel] = score_of(p, sum);
}

extern "C" __global__ void __launch_bounds__(256) channel_scores_blocks(const ChannelScoresParameters p) {
  const double sum = block_sum<256>(partial_score(p, blockIdx.x, threadIdx.x, 256));
  if (threadIdx.x == 0) p.score[blockIdx.x] = score_of(p, sum);
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) count_digit(const CountDigitParameters p) {
  __shared__ uint32_t counts[kMostBins];
  __shared__ uint32_t block_higher;
  const uint32_t bins = 1u << p.digit_bits;
  for (uint32_t bin = threadIdx.x; bin < bins; bin += kChunkThreads) counts[bin] = 0;
  if (threadIdx.x == 0) block_higher = p.selection->bits;
  __syncthreads();
  const uint32_t higher = block_higher;
  const TensorRange chunk = chunk_of_block(p.weights, p.piece);
  const float* weights = p.weights.list<const float>(0, chunk.tensor);
  for (int64_t i = chunk.first + 4 * int64_t{threadIdx.x}; i < chunk.last; i += 4 * kChunkThreads) {
    const Quad<float> weight = load_quad(weights, i, chunk.first, chunk.last);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      if (i + e >= chunk.last) continue;
      const uint32_t bits = magnitude_bits(weight[e]), digits = bits >> p.shift;
      if (digits >> p.digit_bits == higher) atomicAdd(&counts[digits & (bins - 1)], 1u);
      if (p.fault && bits > kInfinityBits) {
        // The joined position fills the word: the least is the first.
        const int64_t place = p.weights.start[chunk.tensor] + i + e;
        report_fault(p.fault, static_cast<uint32_t>(place >> 32), static_cast<int32_t>(place));
        atomicOr(&p.selection->unordered, 1u);
      }
    }
  }
  __syncthreads();
  for (uint32_t bin = threadIdx.x; bin < bins; bin += kChunkThreads) {
    if (counts[bin] != 0) atomicAdd(&p.selection->counts[bin], static_cast<unsigned long long>(counts[bin]));
  }
}

extern "C" __global__ void __launch_bounds__(kMostBins / 2) choose_digit(const ChooseDigitParameters p) {
  const uint32_t bins = 1u << p.digit_bits, bin = 2 * threadIdx.x;
  const int64_t below = p.selection->below, rank = p.rank - below;
  const uint32_t higher = p.selection->bits << p.digit_bits;
  unsigned long long* counts = p.selection->counts + bin;
  int64_t first = 0, second = 0;
  if (bin < bins) {
    first = static_cast<int64_t>(counts[0]), second = static_cast<int64_t>(counts[1]);
    counts[0] = counts[1] = 0;  // for the next digit
  }
  int64_t total;
  const int64_t through = block_inclusive_scan<kMostBins / 2>(first + second, total);
  const int64_t before = through - first - second;
  if (p.rank == 0 ? threadIdx.x == 0 : before < rank && rank <= through) {
    const bool is_second = p.rank != 0 && rank > before + first;
    p.selection->bits = higher | (bin + (is_second ? 1 : 0));
    p.selection->below = below + before + (is_second ? first : 0);
  }
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) count_ties(const CountTiesParameters p) {
  __shared__ uint32_t block_threshold;
  if (threadIdx.x == 0) block_threshold = p.selection->bits;
  __syncthreads();
  const uint32_t threshold = block_threshold;
  const TensorRange chunk = chunk_of_block(p.weights, p.piece);
  const float* weights = p.weights.list<const float>(0, chunk.tensor);
  // A chunk lies in two pieces at most: it is as long as one.
  const int64_t start = p.weights.start[chunk.tensor], piece = (start + chunk.first) / p.piece;
  const int64_t boundary = (piece + 1) * p.piece - start;
  int here = 0, next = 0;
  for (int64_t i = chunk.first + 4 * int64_t{threadIdx.x}; i < chunk.last; i += 4 * kChunkThreads) {
    const Quad<float> weight = load_quad(weights, i, chunk.first, chunk.last);
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const bool equal = i + e < chunk.last && magnitude_bits(weight[e]) == threshold;
      if (i + e < boundary)
        here += equal;
      else
        next += equal;
    }
  }
  here = block_sum<kChunkThreads>(here);
  next = block_sum<kChunkThreads>(next);
  if (threadIdx.x != 0) return;
  if (here != 0) atomicAdd(&p.ties[piece], here);
  if (next != 0) atomicAdd(&p.ties[piece + 1], next);
}

extern "C" __global__ void __launch_bounds__(1024) share_ties(const ShareTiesParameters p) {
  int64_t left = p.rank - p.selection->below;
  for (int64_t first = 0; first < p.pieces; first += 1024) {
    const int64_t piece = first + threadIdx.x;
    const int64_t ties = piece < p.pieces ? p.ties[piece] : 0;
    int64_t total;
    const int64_t before = block_inclusive_scan<1024>(ties, total) - ties;
    const int64_t own = left - before;
    if (piece < p.pieces) p.ties[piece] = static_cast<int32_t>(own < 0 ? 0 : own < ties ? own : ties);
    left -= total;
  }
  if (threadIdx.x == 0) *p.threshold = __uint_as_float(p.selection->unordered ? kNanBits : p.selection->bits);
}

extern "C" __global__ void __launch_bounds__(kChunkThreads) prune_mask(const PruneMaskParameters p) {
  __shared__ float block_threshold;
  __shared__ int block_left;
  const int64_t piece = p.first_piece + blockIdx.x;
  if (threadIdx.x == 0) {
    block_threshold = *p.threshold;
    block_left = p.ties[piece] - (p.taken && blockIdx.x == 0 ? *p.taken : 0);
  }
  __syncthreads();
  const float threshold = block_threshold;
  int left = block_left;  // ties that still go, the same in all threads
  const int64_t table_end = p.tensors.start[p.tensors.tensors], piece_end = (piece + 1) * p.piece;
  const int64_t begin = max(piece * p.piece, p.tensors.start[0]), end = min(piece_end, table_end);
  int tensor = p.tensors.last_tensor([&](int each) { return p.tensors.start[each] <= begin; });
  for (; tensor < p.tensors.tensors && p.tensors.start[tensor] < end; ++tensor) {
    const int64_t start = p.tensors.start[tensor];
    const int64_t first = max(begin - start, int64_t{0}), last = min(end - start, p.tensors.count(tensor));
    float* weights = p.tensors.list<float>(0, tensor);
    uint8_t* masks = p.tensors.list<uint8_t>(1, tensor);
    for (int64_t tile = first / 4 * 4; tile < last; tile += 4 * kChunkThreads) {
      const int64_t i = tile + 4 * threadIdx.x;
      Quad<float> weight = load_quad(weights, i, first, last);
      int go = 0;  // of the ties from this thread's on
      if (left > 0) {
        int own = 0, total;
#pragma unroll
        for (int e = 0; e < 4; ++e) own += i + e >= first && i + e < last && fabsf(weight[e]) == threshold;
        go = left - (block_inclusive_scan<kChunkThreads>(own, total) - own);
        left -= total;
      }
      Quad<uint8_t> mask;
      bool changed = false;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const float size = fabsf(weight[e]);
        const bool inside = i + e >= first && i + e < last;
        const bool pruned = size < threshold || (inside && size == threshold && go-- > 0);
        mask[e] = !pruned;
        if (pruned) weight[e] = 0, changed = true;
      }
      store_quad(masks, i, first, last, mask);
      if (changed) store_quad(weights, i, first, last, weight);
    }
  }
  if (p.taken_after && blockIdx.x == gridDim.x - 1 && threadIdx.x == 0) *p.taken_after = p.ties[piece] - left;
}
