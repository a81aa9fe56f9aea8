// Conway's Life on a torus: several generations inside a block's tile, which shrinks by one cell a
// generation, and barriers that count, or, and and over the block.
//
// Proves bar.red.popc, .or and .and, byte-sized shared data, and a loop that a whole block leaves at once.
#include <cuda_runtime.h>

namespace {

constexpr int kTile = 24, kDepth = 4, kSide = kTile + 2 * kDepth;  // 32 x 32 cells by 32 x 8 threads

}  // namespace

// `kDepth` generations. alive[block]: living cells of the block's tile at the end.
extern "C" __global__ void life(const unsigned char* x, unsigned char* y, int height, int width, int* alive) {
  __shared__ unsigned char cells[2][kSide][kSide];
  const int column = threadIdx.x;
  const int left = blockIdx.x * kTile - kDepth, top = blockIdx.y * kTile - kDepth;
  for (int row = threadIdx.y; row < kSide; row += 8) {
    const int r = (top + row + height) % height, c = (left + column + width) % width;
    cells[0][row][column] = x[r * width + c];
  }
  __syncthreads();
  for (int generation = 0; generation < kDepth; ++generation) {
    const auto& from = cells[generation % 2];
    auto& to = cells[(generation + 1) % 2];
    const int margin = generation + 1;
    for (int row = threadIdx.y; row < kSide; row += 8) {
      if (row < margin || row >= kSide - margin || column < margin || column >= kSide - margin) continue;
      int neighbours = 0;
      for (int r = -1; r <= 1; ++r) {
        for (int c = -1; c <= 1; ++c) neighbours += (r != 0 || c != 0) && from[row + r][column + c] != 0;
      }
      to[row][column] = neighbours == 3 || (neighbours == 2 && from[row][column] != 0);
    }
    __syncthreads();
  }
  int total = 0;
  for (int row = threadIdx.y; row < kSide; row += 8) {
    const int r = top + row, c = left + column;
    const bool inside = row >= kDepth && row < kSide - kDepth && column >= kDepth &&
                        column < kSide - kDepth && r < height && c < width;
    const bool living = inside && cells[kDepth % 2][row][column] != 0;
    if (inside) y[r * width + c] = living;
    total += __syncthreads_count(living);
  }
  if (threadIdx.x == 0 && threadIdx.y == 0) alive[blockIdx.y * gridDim.x + blockIdx.x] = total;
}

// Spreads the smallest label over neighbours that are alive, until nothing changes: components of one 32 x 32
// board.
extern "C" __global__ void components(const unsigned char* x, int* labels, int* rounds) {
  __shared__ int label[1024];
  const int i = threadIdx.y * 32 + threadIdx.x;
  const bool living = x[i] != 0;
  label[i] = living ? i : 1024;
  __syncthreads();
  int round = 0;
  while (true) {
    int best = label[i];
    if (living) {
      if (threadIdx.x > 0) best = min(best, label[i - 1]);
      if (threadIdx.x < 31) best = min(best, label[i + 1]);
      if (threadIdx.y > 0) best = min(best, label[i - 32]);
      if (threadIdx.y < 31) best = min(best, label[i + 32]);
    }
    const bool changed = best != label[i];
    if (!__syncthreads_or(changed)) break;
    label[i] = best;
    ++round;
    if (__syncthreads_and(round > 2000)) break;
  }
  labels[i] = label[i];
  if (i == 0) *rounds = round;
}
