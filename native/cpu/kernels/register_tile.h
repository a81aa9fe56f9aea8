// The micro-kernels of convolution and matrix product: blocks of the result that stay in registers over a
// whole sum.
//
// `sweep` (fprop, dgrad, gemm): kTileRows outputs (pixels, or rows of a matrix) by kTileVecs vectors of
// channels. Each step of the sum loads the channels' weights once and multiplies them by one scalar of every
// row. The rows are arbitrary pointers, so a tile may run over the edge of an image row or of an image and no
// shape has slow borders. A sum is one chain of multiply-adds in the order of the taps, the same in every
// tile: bits depend neither on the batch nor on where an output falls in a tile. `accumulate_outer` (wgrad,
// gemm with a transposed): kOuterRows x kTileVecs sums over pixels of the outer products of neighbouring
// channels of x with a panel of dy.
//
// A *panel* holds the right operand for up to kPanel output columns: [step of the sum][column], the columns
// padded with zeros to a multiple of kLanes. Measured (AVX-512, Zen 4): 8x2, 8x1 and 12x2 all run within 10 %
// of the multiply-add peak from L1.
#pragma once

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#include "cpu/kernels/conv2d/gradient_epilogue.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

inline constexpr int kTileRows = kLanes == 16 ? 8 : kLanes == 8 ? 6 : 4;
inline constexpr int kTileVecs = 2;
inline constexpr int kPanel = kTileVecs * kLanes;
inline constexpr int kOuterRows = kLanes == 16 ? 12 : kTileRows;

/// One contiguous run of the sum: where it starts in a row, and at which step of the panel.
struct Tap {
  int64_t x, step;
};

/// Panels of `columns` columns and `steps` steps lie one after the other.
constexpr int64_t panel_count(int64_t columns) { return ceil_div(columns, kPanel); }
constexpr int64_t panel_width(int64_t columns, int64_t panel) {
  return std::min<int64_t>(kPanel, round_up(columns - panel * kPanel, kLanes));
}
constexpr int64_t panels_floats(int64_t columns, int64_t steps) { return round_up(columns, kLanes) * steps; }

/// Fills a panel of `width` columns from rows: to[step][column] = from[column * row + step]; columns beyond
/// `columns` are 0. Whole vectors of columns go in squares; half a vector of them (a narrow group) one by
/// one.
inline void pack_transposed(const float* from, int64_t row, int64_t columns, int64_t steps, int64_t width,
                            float* to) {
  int64_t begin = 0;
  if (columns >= width && width % kLanes == 0)
    for (; begin + kLanes <= steps; begin += kLanes)
      for (int64_t j = 0; j < width; j += kLanes) {
        Vec square[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) square[i] = load(from + (j + i) * row + begin);
        transpose(square);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) store(to + (begin + i) * width + j, square[i]);
      }
  constexpr int64_t kBlock = 16;  // a block of steps stays in L1 while its columns are written
  for (int64_t first = begin; first < steps; first += kBlock) {
    const int64_t last = std::min(steps, first + kBlock);
    for (int64_t j = 0; j < width; ++j) {
      if (j < columns)
        for (int64_t step = first; step < last; ++step) to[step * width + j] = from[j * row + step];
      else
        for (int64_t step = first; step < last; ++step) to[step * width + j] = 0;
    }
  }
}

/// The same from a matrix whose rows are the steps: to[step][column] = from[step * row + column].
inline void pack_plain(const float* from, int64_t row, int64_t columns, int64_t steps, int64_t width,
                       float* to) {
  const int64_t valid = std::min(columns, width);
  for (int64_t step = 0; step < steps; ++step, from += row, to += width) {
    if (valid == kPanel) {
#pragma GCC unroll 2
      for (int v = 0; v < kTileVecs; ++v) store(to + v * kLanes, load(from + v * kLanes));
      continue;
    }
    for (int64_t j = 0; j < valid; ++j) to[j] = from[j];
    for (int64_t j = valid; j < width; ++j) to[j] = 0;
  }
}

/// Rows of a tile: three nested counts with their steps in x and in y.
struct RowGrid {
  int64_t images = 1, rows = 1, cols = 1;
  int64_t x_image = 0, x_row = 0, x_col = 0;
  int64_t y_image = 0, y_row = 0, y_col = 0;

  /// Joins neighbouring levels that are one arithmetic progression, so that the innermost runs are long.
  RowGrid collapsed() const {
    RowGrid g = *this;
    for (int pass = 0; pass < 2; ++pass) {
      const bool joins = g.x_row == g.cols * g.x_col && g.y_row == g.cols * g.y_col;
      if (g.rows == 1 || joins) {
        if (g.rows != 1) g.cols *= g.rows;
        g.rows = g.images, g.x_row = g.x_image, g.y_row = g.y_image;
        g.images = 1;
      }
    }
    return g;
  }
};

struct TileSum {
  const Tap* taps;
  int64_t tap_count;
  int64_t length;  ///< steps of each tap
  const float* panel;
};

/// Running mean and sum of squared deviations of a panel's columns.
struct PanelStatistics {
  Vec mean[kTileVecs], m2[kTileVecs];
  float count;
};

struct TileEpilogue {
  int64_t columns = 0;              ///< of this panel; the rest of its width is padding
  const float* scale = nullptr;     ///< of the sum, before all else; at the panel's first column
  const float* bias = nullptr;      ///< at the panel's first column
  const float* residual = nullptr;  ///< at the first row and the panel's first column
  int64_t residual_row = 0;         ///< rows follow each other in residual, whatever y's steps
  bool relu = false;
  float ceiling = std::numeric_limits<float>::infinity();  ///< of what ReLU lets through
  /// Rows of y are cut into several panels: they lie apart, no hardware prefetcher fetches them, and the tile
  /// does while it sums.
  bool apart = false;
  PanelStatistics* statistics = nullptr;
  const GradientEpilogue* gradient = nullptr;  ///< of dgrad, in place of all of the above
  /// Sums of `width` columns are stored as they are.
  bool plain(int64_t width) const {
    return columns == width && !statistics && !scale && !bias && !residual && !relu && !gradient;
  }
};

static inline Vec relu(Vec v) { return max(Vec{}, v); }  // keeps NaN

/// The first `columns` (less than all) of a vector group; never touches memory beyond them.
#ifdef __AVX512F__
static inline __mmask16 column_mask(int64_t columns, int v) {
  return static_cast<__mmask16>((1u << std::clamp<int64_t>(columns - v * kLanes, 0, kLanes)) - 1);
}
template <int V>
inline void store_columns(float* y, const Vec (&values)[V], int64_t columns) {
  for (int v = 0; v < V; ++v)
    _mm512_mask_storeu_ps(y + v * kLanes, column_mask(columns, v), reinterpret_cast<__m512>(values[v]));
}
template <int V>
inline void load_columns(const float* x, Vec (&values)[V], int64_t columns) {
  for (int v = 0; v < V; ++v)
    values[v] = reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(column_mask(columns, v), x + v * kLanes));
}
#else
template <int V>
[[gnu::noinline]] void store_columns(float* y, const Vec (&values)[V], int64_t columns) {
  float buffer[V * kLanes];
  std::memcpy(buffer, values, sizeof buffer);
  for (int64_t j = 0; j < columns; ++j) y[j] = buffer[j];
}
template <int V>
[[gnu::noinline]] void load_columns(const float* x, Vec (&values)[V], int64_t columns) {
  float buffer[V * kLanes] = {};
  for (int64_t j = 0; j < columns; ++j) buffer[j] = x[j];
  std::memcpy(values, buffer, sizeof buffer);
}
#endif

/// Merges the tile's first `valid` rows into the running statistics (Chan et al.).
template <int M, int V>
static inline void merge_statistics(PanelStatistics& running, const Vec (&sum)[M][V], int valid = M) {
  const float count = static_cast<float>(valid), total = running.count + count;
  const float share = count / total, weight = running.count * share, inverse = 1.0f / count;
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    Vec mean = sum[0][v];
#pragma GCC unroll 16
    for (int i = 1; i < M; ++i)
      if (i < valid) mean += sum[i][v];
    mean *= inverse;
    Vec m2{};
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      if (i >= valid) break;
      const Vec d = sum[i][v] - mean;
      m2 += d * d;
    }
    const Vec delta = mean - running.mean[v];
    running.mean[v] += delta * share;
    running.m2[v] += m2 + delta * delta * weight;
  }
  running.count = total;
}

/// finish_tile of dgrad.
template <int M, int V>
inline void finish_gradients(const Vec (&acc)[M][V], float* const* dx, int64_t columns,
                             const GradientEpilogue& epilogue) {
  for (int i = 0; i < M; ++i) {
    if (columns == V * kLanes) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v)
        store(dx[i] + v * kLanes, epilogue.finished(acc[i][v], dx[i] + v * kLanes, Full{}));
      continue;
    }
    for_vectors(0, columns, [&](int64_t c, auto lanes) {
      store(dx[i] + c, epilogue.finished(acc[i][c / kLanes], dx[i] + c, lanes), lanes);
    });
  }
}

/// Writes a tile's sums with its epilogue, and only the columns that exist. A function of its own: values
/// that live across its calls would cost the loop of `tile` its registers.
template <int M, int V>
[[gnu::noinline]] void finish_tile(const Vec (&acc)[M][V], float* const* y, const TileEpilogue& epilogue,
                                   const float* residual) {
  if (epilogue.gradient) return finish_gradients<M, V>(acc, y, epilogue.columns, *epilogue.gradient);
  if (epilogue.statistics) merge_statistics<M, V>(*epilogue.statistics, acc);
  const bool full = epilogue.columns == V * kLanes;
  const Vec ceiling = broadcast(epilogue.ceiling);
  Vec scale[V], bias[V] = {};
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) scale[v] = broadcast(1.0f);
  if (epilogue.scale) load_columns<V>(epilogue.scale, scale, epilogue.columns);
  if (epilogue.bias) load_columns<V>(epilogue.bias, bias, epilogue.columns);
  for (int i = 0; i < M; ++i) {
    Vec added[V] = {};
    if (residual) {
      const float* from = residual + i * epilogue.residual_row;
      if (full) {
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) added[v] = load(from + v * kLanes);
      } else {
        load_columns<V>(from, added, epilogue.columns);
      }
    }
    Vec value[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      value[v] = acc[i][v] * scale[v] + bias[v] + added[v];
      if (epilogue.relu) value[v] = at_most(relu(value[v]), ceiling);
    }
    if (full) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) store(y[i] + v * kLanes, value[v]);
    } else {
      store_columns<V>(y[i], value, epilogue.columns);
    }
  }
}

/// One tile of M rows and V vectors, both counts of registers.
template <int M, int V>
[[gnu::noinline]] void tile(const float* const* rows, float* const* y, const TileSum& sum,
                            const TileEpilogue& epilogue, const float* residual) {
  Vec acc[M][V] = {};
  const float* x[M];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) x[i] = rows[i];
  if (epilogue.apart) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        __builtin_prefetch(y[i] + v * kLanes, 1);
        if (residual) __builtin_prefetch(residual + i * epilogue.residual_row + v * kLanes);
      }
    }
  }
  const int64_t length = sum.length;
  const Tap* const taps_end = sum.taps + sum.tap_count;
  for (const Tap* tap = sum.taps; tap != taps_end; ++tap) {
    const float* b = sum.panel + tap->step * (V * kLanes);
    int64_t at = tap->x;
    const int64_t end = at + length;
#pragma GCC unroll 4
    for (; at != end; ++at) {
      Vec weight[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) weight[v] = load(b + v * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        const Vec scalar = broadcast(x[i][at]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) acc[i][v] += scalar * weight[v];
      }
      b += V * kLanes;
    }
  }
  if (!epilogue.plain(V * kLanes)) {
    Vec sums[M][V];
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[i][v] = acc[i][v];
    }
    finish_tile<M, V>(sums, y, epilogue, residual);
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(y[i] + v * kLanes, acc[i][v]);
  }
}

/// The same for a count of rows that is known only here: the last ones of a sweep make a smaller tile.
template <int V, int M = kTileRows>
inline void tile_of(int count, const float* const* rows, float* const* y, const TileSum& sum,
                    const TileEpilogue& epilogue, const float* residual) {
  if (count == M)
    tile<M, V>(rows, y, sum, epilogue, residual);
  else if constexpr (M > 1)
    tile_of<V, M - 1>(count, rows, y, sum, epilogue, residual);
}

/// All rows of the grid against one panel of V vectors.
template <int V>
void sweep(const RowGrid& given, const float* x, float* y, const TileSum& sum, const TileEpilogue& epilogue) {
  const RowGrid grid = given.collapsed();
  const int64_t total = grid.images * grid.rows * grid.cols;
  const float *image_x = x, *row_x = x;
  float *image_y = y, *row_y = y;
  int64_t row = 0, col = 0;
  for (int64_t first = 0; first < total; first += kTileRows) {
    const float* tile_x[kTileRows];
    float* tile_y[kTileRows];
    const int valid = static_cast<int>(std::min<int64_t>(kTileRows, total - first));
    for (int i = 0; i < valid; ++i) {
      tile_x[i] = x;
      tile_y[i] = y;
      x += grid.x_col;
      y += grid.y_col;
      if (++col == grid.cols) {
        col = 0;
        row_x += grid.x_row;
        row_y += grid.y_row;
        if (++row == grid.rows) {
          row = 0;
          image_x += grid.x_image;
          image_y += grid.y_image;
          row_x = image_x;
          row_y = image_y;
        }
        x = row_x;
        y = row_y;
      }
    }
    const float* residual = epilogue.residual ? epilogue.residual + first * epilogue.residual_row : nullptr;
    tile_of<V>(valid, tile_x, tile_y, sum, epilogue, residual);
  }
}

/// The same for panel `index` of `columns` columns, `sum.panel`. y, scale, bias and residual are those of
/// column 0.
inline void sweep_panel(const RowGrid& grid, const float* x, float* y, const TileSum& sum, int64_t columns,
                        int64_t index, TileEpilogue epilogue) {
  const int64_t first = index * kPanel;
  epilogue.columns = std::min<int64_t>(kPanel, columns - first);
  epilogue.apart = columns > kPanel;
  if (epilogue.scale) epilogue.scale += first;
  if (epilogue.bias) epilogue.bias += first;
  if (epilogue.residual) epilogue.residual += first;
  if (panel_width(columns, index) == kPanel)
    sweep<kTileVecs>(grid, x, y + first, sum, epilogue);
  else
    sweep<1>(grid, x, y + first, sum, epilogue);
}

/// A run of pixels for the outer product: `images` x `rows` x `cols`.
struct OuterRun {
  int64_t images = 1, rows = 1, cols = 1;
  int64_t x_image = 0, x_row = 0, x_col = 0;
  int64_t y_image = 0, y_row = 0, y_col = 0;
};

/// sums[i][column] (+)= sum over pixels of x[pixel][i] * dy[pixel][column], i < M; `add`: to what is there
/// already.
template <int M, int V>
[[gnu::noinline]] void outer_tile(const OuterRun& run, const float* x, const float* dy, float* sums,
                                  bool add) {
  Vec acc[M][V] = {};
  const int64_t x_col = run.x_col, y_col = run.y_col;
  for (int64_t image = 0; image < run.images; ++image) {
    for (int64_t row = 0; row < run.rows; ++row) {
      const float* px = x + image * run.x_image + row * run.x_row;
      const float* py = dy + image * run.y_image + row * run.y_row;
#pragma GCC unroll 2
      for (int64_t col = run.cols; col != 0; --col) {
        Vec gradient[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) gradient[v] = load(py + v * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < M; ++i) {
          const Vec scalar = broadcast(px[i]);
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v) acc[i][v] += scalar * gradient[v];
        }
        px += x_col;
        py += y_col;
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      float* at = sums + (i * V + v) * kLanes;
      store(at, add ? load(at) + acc[i][v] : acc[i][v]);
    }
  }
}

template <int V, int M = kOuterRows>
inline void outer_tile_of(int rows, const OuterRun& run, const float* x, const float* dy, float* sums,
                          bool add) {
  if (rows == M)
    outer_tile<M, V>(run, x, dy, sums, add);
  else if constexpr (M > 1)
    outer_tile_of<V, M - 1>(rows, run, x, dy, sums, add);
}

/// How many channels of an axis a tile takes: all tiles about equal.
constexpr int64_t outer_rows(int64_t axis) { return ceil_div(axis, ceil_div(axis, kOuterRows)); }

/// sums[rows][width] (+)= x^T dy for `rows` (at most kOuterRows) neighbouring channels of x and a panel of
/// `width` columns of dy.
inline void accumulate_outer(const OuterRun& run, const float* x, int64_t rows, const float* dy,
                             int64_t width, float* sums, bool add) {
  if (width == kPanel)
    outer_tile_of<kTileVecs>(static_cast<int>(rows), run, x, dy, sums, add);
  else
    outer_tile_of<1>(static_cast<int>(rows), run, x, dy, sums, add);
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
