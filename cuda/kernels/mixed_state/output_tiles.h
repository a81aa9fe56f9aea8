// Outputs [N, P, Q] cut into tiles of height x width, row by row of an image: a block takes one.
#pragma once

#include <cstdint>

struct OutputTiles {
  int64_t n, p, q;
  int32_t height, width;
  int64_t down, across, count;

  constexpr OutputTiles(int64_t n, int64_t p, int64_t q, int height, int width)
      : n(n),
        p(p),
        q(q),
        height(height),
        width(width),
        down((p + height - 1) / height),
        across((q + width - 1) / width),
        count(n * down * across) {}

  constexpr int64_t outputs() const { return n * p * q; }

  struct Place {
    int64_t n, row, column;  ///< of the tile's first output
  };
  constexpr Place place(int64_t tile) const {
    return {tile / across / down, tile / across % down * height, tile % across * width};
  }
  /// Outputs of a tile that are inside the image.
  constexpr int pixels(const Place& at) const {
    const int64_t rows = p - at.row, columns = q - at.column;
    return static_cast<int>((rows < height ? rows : height) * (columns < width ? columns : width));
  }
};
