// The tensors of one launch of a multi-tensor kernel, in its parameters: read from constant memory, and part
// of what a graph records. native/cuda/kernels/tensor_tables.h fills tables.
#pragma once

#include <cstdint>

/// Threads of a block, and elements that one takes: a chunk of one tensor.
inline constexpr int kChunkThreads = 256;
inline constexpr int64_t kChunk = 4096;

/// Parallel lists of tensors of equal counts: data[list][tensor], null throughout for a list that a problem
/// lacks.
template <int kLists>
struct TensorTable {
  // 4 KB less what a kernel wants to know besides.
  static constexpr int kMostTensors = (4096 - 80) / (8 * kLists + 12);

  int64_t start[kMostTensors + 1];  ///< of each tensor in all tensors joined; the next is where it ends
  void* data[kLists][kMostTensors];
  int32_t chunk[kMostTensors];  ///< chunks of the tensors before it in this table
  int32_t tensors;

#ifdef __CUDACC__
  template <class T>
  __device__ T* list(int list, int tensor) const {
    return static_cast<T*>(data[list][tensor]);
  }
  __device__ int64_t count(int tensor) const { return start[tensor + 1] - start[tensor]; }

  /// The last of the tensors for which before(tensor) holds; it holds for the first ones, tensor 0 among
  /// them.
  template <class Before>
  __device__ int last_tensor(Before&& before) const {
    int low = 0, high = tensors;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (before(middle) ? low : high) = middle;
    }
    return low;
  }
#endif
};

#ifdef __CUDACC__
/// Elements first .. last - 1 of a tensor.
struct TensorRange {
  int tensor;
  int64_t first, last;
};

/// The chunk of `size` elements that this block takes.
template <int kLists>
__device__ inline TensorRange chunk_of_block(const TensorTable<kLists>& table, int64_t size = kChunk) {
  const int tensor =
      table.last_tensor([&](int each) { return table.chunk[each] <= static_cast<int32_t>(blockIdx.x); });
  const int64_t first = (static_cast<int32_t>(blockIdx.x) - table.chunk[tensor]) * size;
  const int64_t count = table.count(tensor);
  return {tensor, first, first + size < count ? first + size : count};
}
#endif
