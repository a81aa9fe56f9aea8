// Host side of cellular_automaton.cu: exact.
#include <algorithm>

#include "harness.h"

namespace softgpu::programs {
namespace {

using Board = std::vector<unsigned char>;

Board next(const Board& board, int height, int width) {
  Board result(board.size());
  for (int row = 0; row < height; ++row) {
    for (int column = 0; column < width; ++column) {
      int neighbours = 0;
      for (int r = row - 1; r <= row + 1; ++r) {
        for (int c = column - 1; c <= column + 1; ++c) {
          if (r == row && c == column) continue;
          neighbours += board[(r + height) % height * width + (c + width) % width];
        }
      }
      result[row * width + column] = neighbours == 3 || (neighbours == 2 && board[row * width + column] != 0);
    }
  }
  return result;
}

Board random_board(Random& random, int cells, std::uint32_t percent) {
  Board board(cells);
  for (unsigned char& cell : board) cell = random.integer(100) < percent;
  return board;
}

void run(Random& random) {
  const Module module("cellular_automaton");
  const int height = 67, width = 83, tile = 24, depth = 4;
  const int blocks_x = ceil_divide(width, tile), blocks_y = ceil_divide(height, tile);
  Board board = random_board(random, height * width, 40);
  const Buffer<unsigned char> x(board), y(board.size());
  const Buffer<int> alive(blocks_x * blocks_y);
  launch(module.function("life"), {Extent(blocks_x, blocks_y), Extent(32, 8)}, x, y, height, width, alive);
  for (int generation = 0; generation < depth; ++generation) board = next(board, height, width);
  expect_equal("life", y.read(), board);
  std::vector<int> counts(blocks_x * blocks_y);
  for (int i = 0; i < height * width; ++i) counts[i / width / tile * blocks_x + i % width / tile] += board[i];
  expect_equal("alive", alive.read(), counts);

  const Board cells = random_board(random, 1024, 62);
  std::vector<int> labels(1024);
  for (int i = 0; i < 1024; ++i) labels[i] = cells[i] != 0 ? i : 1024;
  int rounds = 0;
  for (bool changed = true; changed; rounds += changed) {
    std::vector<int> best(labels);
    for (int i = 0; i < 1024; ++i) {
      if (cells[i] == 0) continue;
      if (i % 32 > 0) best[i] = std::min(best[i], labels[i - 1]);
      if (i % 32 < 31) best[i] = std::min(best[i], labels[i + 1]);
      if (i / 32 > 0) best[i] = std::min(best[i], labels[i - 32]);
      if (i / 32 < 31) best[i] = std::min(best[i], labels[i + 32]);
    }
    changed = best != labels;
    labels.swap(best);
  }
  const Buffer<unsigned char> device_cells(cells);
  const Buffer<int> device_labels(1024), device_rounds(1);
  launch(module.function("components"), {1, Extent(32, 32)}, device_cells, device_labels, device_rounds);
  expect_equal("components", device_labels.read(), labels);
  expect_equal("rounds", device_rounds.read(), {rounds});
}

const Registration registration("cellular_automaton", run);

}  // namespace
}  // namespace softgpu::programs
