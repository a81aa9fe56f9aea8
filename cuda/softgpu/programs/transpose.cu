// Transpose of a matrix through a shared tile of 32 x 33: rows are read and written in whole sectors, without
// bank conflicts. The same for bytes, where four neighbours share a word of shared memory.
//
// Proves two-dimensional blocks and grids, padded shared arrays, edges that cut a tile, and that stores to
// neighbouring bytes of a word are no race.
#include <cuda_runtime.h>

namespace {

constexpr int kTile = 32, kRows = 8;

template <class T>
__device__ void transpose(const T* x, T* y, int rows, int columns, T (*tile)[kTile + 1]) {
  const int column = blockIdx.x * kTile + threadIdx.x, row = blockIdx.y * kTile + threadIdx.y;
  for (int i = 0; i < kTile; i += kRows) {
    if (column < columns && row + i < rows) {
      tile[threadIdx.y + i][threadIdx.x] = x[static_cast<size_t>(row + i) * columns + column];
    }
  }
  __syncthreads();
  const int out_column = blockIdx.y * kTile + threadIdx.x, out_row = blockIdx.x * kTile + threadIdx.y;
  for (int i = 0; i < kTile; i += kRows) {
    if (out_column < rows && out_row + i < columns) {
      y[static_cast<size_t>(out_row + i) * rows + out_column] = tile[threadIdx.x][threadIdx.y + i];
    }
  }
}

}  // namespace

extern "C" __global__ void transpose_f32(const float* x, float* y, int rows, int columns) {
  __shared__ float tile[kTile][kTile + 1];
  transpose(x, y, rows, columns, tile);
}

extern "C" __global__ void transpose_u8(const unsigned char* x, unsigned char* y, int rows, int columns) {
  __shared__ unsigned char tile[kTile][kTile + 1];
  transpose(x, y, rows, columns, tile);
}
