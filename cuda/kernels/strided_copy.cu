// strided_copy: y[i . y_strides] = x[i . x_strides], as bits.
//
// Variants, after axes are put in y's order and merged wherever both sides step through them as one:
//   runs       the largest unit of 16, 4 or 1 bytes that divides every run, stride and offset; one 16-byte
//   unit a
//              thread, or 4 smaller ones, a block apart. Also any strides, in units of an element. What whole
//              vectors leave of a dense copy is copied in elements.
//   transpose  x and y have their neighbours along different axes: tiles of 32 x 32 elements through shared
//              memory, padded by a word, so that both sides are read and written in rows without bank
//              conflicts.
// Bytes: 2 an element and byte of it. FLOPs: none. Roofline: memory.
// Bench: lapidary bench --device cuda --kernel strided_copy --problem "dims=128x1024x16 x_strides=16384x16x1
//        y_strides=32768x32x1 x_count=2097152 y_count=4194304 partial=1"
#include "kernels/strided_copy.h"

#include "device/strided_pair.cuh"

namespace {

template <class Unit>
__device__ void copy(const StridedCopyParameters& p) {
  constexpr int kUnits = units_a_thread(sizeof(Unit));
  const auto* x = static_cast<const Unit*>(p.x);
  auto* y = static_cast<Unit*>(p.y);
  const int64_t first = int64_t{blockIdx.x} * blockDim.x * kUnits + threadIdx.x;
  const auto unit = [first](int step) { return first + step * static_cast<int>(blockDim.x); };
  // All loads before the first store, so that they are under way together.
  Unit values[kUnits];
  int64_t to[kUnits];
#pragma unroll
  for (int step = 0; step < kUnits; ++step) {
    if (unit(step) >= p.count) break;
    const auto [from, at] = offsets_of(p.strides, unit(step));
    values[step] = x[from], to[step] = at;
  }
#pragma unroll
  for (int step = 0; step < kUnits; ++step) {
    if (unit(step) < p.count) y[to[step]] = values[step];
  }
}

template <class Unit>
__device__ void transpose(const TransposeParameters& p) {
  constexpr int kPadding = 4 / sizeof(Unit);  // a word: columns of 4-byte words then lie in different banks
  __shared__ Unit tile[kTransposeTile][kTransposeTile + kPadding];
  const int64_t row_and_rest = p.column_tiles.quotient(blockIdx.x), rest = p.row_tiles.quotient(row_and_rest);
  const int64_t column_tile = blockIdx.x - row_and_rest * p.column_tiles.divisor;
  const int64_t row_tile = row_and_rest - rest * p.row_tiles.divisor;
  const auto [x_offset, y_offset] = offsets_of(p.rest, rest);
  const auto* x = static_cast<const Unit*>(p.x) + x_offset;
  auto* y = static_cast<Unit*>(p.y) + y_offset;
  const int64_t first_row = row_tile * kTransposeTile, first_column = column_tile * kTransposeTile;

  const int64_t x_column = first_column + threadIdx.x;
#pragma unroll
  for (int i = 0; i < kTransposeTile; i += kTransposeRows) {
    const int row = static_cast<int>(threadIdx.y) + i;
    if (x_column < p.columns && first_row + row < p.rows)
      tile[row][threadIdx.x] = x[(first_row + row) * p.x_row + x_column];
  }
  __syncthreads();
  const int64_t y_row = first_row + threadIdx.x;
#pragma unroll
  for (int i = 0; i < kTransposeTile; i += kTransposeRows) {
    const int column = static_cast<int>(threadIdx.y) + i;
    if (y_row < p.rows && first_column + column < p.columns)
      y[(first_column + column) * p.y_column + y_row] = tile[threadIdx.x][column];
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) strided_copy_16(const StridedCopyParameters p) {
  copy<uint4>(p);
}
extern "C" __global__ void __launch_bounds__(256) strided_copy_4(const StridedCopyParameters p) {
  copy<uint32_t>(p);
}
extern "C" __global__ void __launch_bounds__(256) strided_copy_1(const StridedCopyParameters p) {
  copy<uint8_t>(p);
}

extern "C" __global__ void __launch_bounds__(256) transpose_4(const TransposeParameters p) {
  transpose<uint32_t>(p);
}
extern "C" __global__ void __launch_bounds__(256) transpose_1(const TransposeParameters p) {
  transpose<uint8_t>(p);
}
