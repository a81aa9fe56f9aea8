// augment: a training batch from u8 images: gather, random crop, flip, cutout, scaling to [0, 1]
// (native/ops/data.h says what Philox decides).
//
// Variants: one. A block of 256 threads takes some rows of an image, a warp a row at a time, a lane 4
// neighbouring values of it by one 16-byte store. One thread draws the image's view for its block.
//
// Bytes: at most 1 read and 4 written a value, 12 a block. FLOPs: a quotient a value. Roofline: memory.
//
// Bench: lapidary bench --device cuda --kernel augment
#include "kernels/augment.h"

#include "core/philox.h"
#include "device/fault.cuh"
#include "device/quad.cuh"

namespace {

/// What is done to one image.
struct View {
  int64_t image;
  int64_t row, column;  ///< crop offset relative to the image without padding
  bool flip;
  int64_t cut_top, cut_left;  ///< of the output: a square of `cutout` from there is 0
};

__device__ View view_of(const AugmentParameters& p, int64_t n) {
  View view{};
  view.image = p.index[n];
  if (view.image < 0 || view.image >= p.images) {
    report_fault(p.fault, static_cast<uint32_t>(n), static_cast<int32_t>(view.image));
    view.image = 0;
  }
  if (!p.train) return view;
  const lapidary::Philox::Block word = lapidary::Philox::block(p.seed, static_cast<uint64_t>(p.step->epoch),
                                                               static_cast<uint64_t>(view.image));
  view.row = word[0] % (2 * p.pad + 1) - p.pad;
  view.column = word[1] % (2 * p.pad + 1) - p.pad;
  view.flip = p.flip && (word[2] & 1);
  view.cut_top = static_cast<int64_t>(word[3] & 0xffff) % p.h - p.cutout / 2;
  view.cut_left = static_cast<int64_t>(word[3] >> 16) % p.w - p.cutout / 2;
  return view;
}

}  // namespace

extern "C" __global__ void __launch_bounds__(256) augment(const AugmentParameters p) {
  __shared__ View block_view;
  const int64_t n = blockIdx.x / p.parts, part = blockIdx.x % p.parts;
  if (threadIdx.x == 0) block_view = view_of(p, n);
  __syncthreads();
  const View view = block_view;
  const int64_t line = p.w * p.c, bottom = min((part + 1) * p.rows, p.h);
  const bool cuts = p.train && p.cutout > 0;
  const int64_t cut_left = view.cut_left * p.c, cut_right = cut_left + p.cutout * p.c;
  for (int64_t row = part * p.rows + threadIdx.x / 32; row < bottom; row += 8) {
    const int64_t from = row + view.row;
    const bool inside = from >= 0 && from < p.h;
    const bool cut = cuts && row >= view.cut_top && row < view.cut_top + p.cutout;
    const uint8_t* source = p.images_data + (view.image * p.h + from) * line;
    // Value i of the row; c neighbouring ones are a pixel.
    const auto value = [&](int64_t i) -> float {
      if (!inside || (cut && i >= cut_left && i < cut_right)) return 0;
      int64_t at = i + view.column * p.c;
      if (view.flip) {
        const auto pixel = static_cast<uint32_t>(i) / static_cast<uint32_t>(p.c);
        at = (p.w - 1 - pixel + view.column) * p.c + (i - pixel * p.c);
      }
      return at >= 0 && at < line ? static_cast<float>(source[at]) / 255.0f : 0;
    };
    const int64_t first = (n * p.h + row) * line, last = first + line;
    for (int64_t i = first / 4 * 4 + 4 * (threadIdx.x % 32); i < last; i += 4 * 32) {
      Quad<float> quad;
#pragma unroll
      for (int e = 0; e < 4; ++e) quad[e] = i + e >= first && i + e < last ? value(i + e - first) : 0;
      store_quad(p.y, i, first, last, quad);
    }
  }
}
