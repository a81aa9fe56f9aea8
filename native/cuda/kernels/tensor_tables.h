// Fills the tables of multi-tensor kernels (cuda/device/tensor_table.h): as many as the tensors take.
#pragma once

#include <algorithm>
#include <array>

#include "cuda/launch_context.h"
#include "device/tensor_table.h"

namespace lapidary::cuda {

/// A list of operands for a table.
using TensorList = void* const*;
template <class T>
TensorList tensor_list(T* const* list) {
  return const_cast<TensorList>(reinterpret_cast<const void* const*>(list));
}

/// Chunks of `size` elements; none reaches across tensors.
inline int64_t chunks_of(const Counts& counts, int64_t size = kChunk) {
  int64_t chunks = 0;
  for (int64_t count : counts) chunks += ceil_div(count, size);
  return chunks;
}

inline int64_t total_of(const Counts& counts) {
  int64_t total = 0;
  for (int64_t count : counts) total += count;
  return total;
}

/// body(table, chunks) for tables that hold all tensors in their order. Null lists stay null.
template <size_t kLists, class Body>
void for_tables(const Counts& counts, const std::array<TensorList, kLists>& lists, int64_t size,
                Body&& body) {
  using Table = TensorTable<static_cast<int>(kLists)>;
  int64_t start = 0;
  for (size_t first = 0; first < counts.size(); first += Table::kMostTensors) {
    Table table{};
    table.tensors = static_cast<int32_t>(std::min<size_t>(counts.size() - first, Table::kMostTensors));
    int64_t chunks = 0;
    table.start[0] = start;
    for (int32_t tensor = 0; tensor < table.tensors; ++tensor) {
      const size_t number = first + static_cast<size_t>(tensor);
      table.chunk[tensor] = static_cast<int32_t>(chunks);
      chunks += ceil_div(counts[number], size);
      table.start[tensor + 1] = start += counts[number];
      for (size_t list = 0; list < kLists; ++list)
        table.data[list][tensor] = lists[list] ? lists[list][number] : nullptr;
    }
    body(table, chunks);
  }
}

}  // namespace lapidary::cuda
