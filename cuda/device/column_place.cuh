// Where a thread is in the tiles of kernels/column_tiles.h, and how the lines of a block are merged.
#pragma once

#include <bit>

#include "kernels/column_tiles.h"

struct ColumnPlace {
  int64_t chunk;    ///< of rows
  int64_t row;      ///< the thread's first; the next is `lines` further
  int64_t end;      ///< of the chunk's rows
  int64_t channel;  ///< the first of `width`
  int line;
  bool inside;  ///< whether the thread has any element

  __device__ explicit ColumnPlace(const ColumnTiles& tiles, unsigned block = blockIdx.x) {
    const unsigned columns = tiles.columns, of_rows = block / tiles.tiles;
    line = static_cast<int>(threadIdx.x / columns);
    chunk = of_rows;
    row = chunk * tiles.chunk + line;
    end = min(chunk * tiles.chunk + tiles.chunk, tiles.rows);
    channel = (int64_t{block - of_rows * tiles.tiles} * columns + threadIdx.x % columns) * tiles.width;
    inside = line < tiles.lines && channel < tiles.channels && row < end;
  }
};

/// Shared memory of merge_lines, for accumulators of type T.
template <class T>
struct LineMemory {
  static constexpr int kWords = sizeof(T) / sizeof(uint32_t);
  static_assert(kWords * sizeof(uint32_t) == sizeof(T));
  uint32_t word[kWords][ColumnTiles::kThreads];  // by word, so that no banks conflict
};

/// Merges a block's accumulators over its lines, halving them: line 0 gets the result. All threads come here.
template <class T, class Merge>
__device__ inline T merge_lines(const ColumnTiles& tiles, T value, Merge merge, LineMemory<T>& memory) {
  struct Words {
    uint32_t word[LineMemory<T>::kWords];
  };
  const int columns = tiles.columns, line = static_cast<int>(threadIdx.x) / columns;
  // No slot is written twice, so one barrier a round is enough.
  for (int lines = tiles.lines; lines > 1;) {
    const int half = (lines + 1) / 2;
    Words words;
    if (line >= half && line < lines) {
      words = std::bit_cast<Words>(value);
#pragma unroll
      for (int i = 0; i < LineMemory<T>::kWords; ++i) memory.word[i][threadIdx.x] = words.word[i];
    }
    __syncthreads();
    if (line < lines - half) {
#pragma unroll
      for (int i = 0; i < LineMemory<T>::kWords; ++i)
        words.word[i] = memory.word[i][threadIdx.x + half * columns];
      value = merge(value, std::bit_cast<T>(words));
    }
    lines = half;
  }
  return value;
}
