// A training batch from u8 images: gather, random crop, flip, cutout, scaling to [0, 1].
//
// Variants
//   rows  images in parallel; a row is put together as bytes (copy or mirror, zeros outside and in the
//         cutout), then converted in one vectorised loop.
//   ref   a pixel at a time.
//
// Reads 1 byte and writes 4 a value.
// Bench: npm run bench:kernel -- --kernel augment --problem "N=128 images=1024 train=1 pad=4 flip=1
// cutout=16"
#include "core/philox.h"
#include "cpu/kernels/vectors.h"
#include "ops/data.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// What is done to one image.
struct View {
  int64_t row = 0, column = 0;  ///< crop offset relative to the unpadded image
  bool flip = false;
  int64_t cut_top = 0, cut_bottom = 0, cut_left = 0, cut_right = 0;  ///< of the output, set to 0
};

View view_of(const AugmentProblem& p, int64_t epoch, int32_t image) {
  View view;
  if (!p.train) return view;
  const Philox::Block word = Philox::block(static_cast<uint64_t>(p.seed), static_cast<uint64_t>(epoch),
                                           static_cast<uint64_t>(image));
  view.row = word[0] % (2 * p.pad + 1) - p.pad;
  view.column = word[1] % (2 * p.pad + 1) - p.pad;
  view.flip = p.flip && (word[2] & 1);
  if (p.cutout > 0) {
    const int64_t top = static_cast<int64_t>(word[3] & 0xffff) % p.h - p.cutout / 2;
    const int64_t left = static_cast<int64_t>(word[3] >> 16) % p.w - p.cutout / 2;
    view.cut_top = std::max<int64_t>(top, 0), view.cut_bottom = std::min(top + p.cutout, p.h);
    view.cut_left = std::max<int64_t>(left, 0), view.cut_right = std::min(left + p.cutout, p.w);
  }
  return view;
}

bool index_is_valid(const AugmentProblem& p, const int32_t* index, int64_t n, KernelContext& context) {
  if (index[n] >= 0 && index[n] < p.images) return true;
  context.fault(ErrorCode::Index,
                format("augment: expected image indices in 0..%lld, got %d at position %lld; check the "
                       "sampler against the "
                       "size of the data set",
                       static_cast<long long>(p.images - 1), index[n], static_cast<long long>(n)));
  return false;
}

template <class T>
void augment_ref(const AugmentProblem& p, const Augment<T>& a, KernelContext& context) {
  for (int64_t n = 0; n < p.n; ++n) {
    if (!index_is_valid(p, a.index, n, context)) return;
    const View view = view_of(p, context.step->epoch, a.index[n]);
    const uint8_t* image = a.images + a.index[n] * p.h * p.w * p.c;
    for (int64_t h = 0; h < p.h; ++h) {
      for (int64_t w = 0; w < p.w; ++w) {
        const int64_t row = h + view.row, column = (view.flip ? p.w - 1 - w : w) + view.column;
        const bool inside = row >= 0 && row < p.h && column >= 0 && column < p.w;
        const bool cut = h >= view.cut_top && h < view.cut_bottom && w >= view.cut_left && w < view.cut_right;
        for (int64_t c = 0; c < p.c; ++c) {
          const int pixel = inside && !cut ? image[(row * p.w + column) * p.c + c] : 0;
          a.y[((n * p.h + h) * p.w + w) * p.c + c] = static_cast<T>(pixel / 255.0);
        }
      }
    }
  }
}

// Row h of the view as bytes.
void draw_row(const AugmentProblem& p, const View& view, const uint8_t* image, int64_t h, uint8_t* line) {
  const int64_t row = h + view.row;
  std::fill_n(line, p.w * p.c, uint8_t{0});
  if (row < 0 || row >= p.h) return;
  const uint8_t* source = image + row * p.w * p.c;
  // Columns of the unflipped crop that lie in the image.
  const int64_t begin = std::clamp<int64_t>(-view.column, 0, p.w),
                end = std::clamp<int64_t>(p.w - view.column, begin, p.w);
  if (view.flip) {
    for (int64_t w = begin; w < end; ++w) {
      for (int64_t c = 0; c < p.c; ++c) line[(p.w - 1 - w) * p.c + c] = source[(w + view.column) * p.c + c];
    }
  } else if (begin < end) {
    std::copy_n(source + (begin + view.column) * p.c, (end - begin) * p.c, line + begin * p.c);
  }
  if (h >= view.cut_top && h < view.cut_bottom && view.cut_left < view.cut_right) {
    std::fill(line + view.cut_left * p.c, line + view.cut_right * p.c, uint8_t{0});
  }
}

void augment_rows(const AugmentProblem& p, const Augment<float>& a, KernelContext& context) {
  const int64_t line_size = p.w * p.c, image_size = p.h * line_size;
  for_ranges(context, p.n, std::max<int64_t>(kStreamGrain / image_size, 1),
             [&](int64_t begin, int64_t end, int64_t, int worker) {
               auto* line = static_cast<uint8_t*>(context.scratch(worker, static_cast<size_t>(line_size)));
               for (int64_t n = begin; n < end; ++n) {
                 if (!index_is_valid(p, a.index, n, context)) return;
                 const View view = view_of(p, context.step->epoch, a.index[n]);
                 for (int64_t h = 0; h < p.h; ++h) {
                   draw_row(p, view, a.images + a.index[n] * image_size, h, line);
                   float* y = a.y + n * image_size + h * line_size;
                   for (int64_t i = 0; i < line_size; ++i) y[i] = static_cast<float>(line[i]) / 255.0f;
                 }
               }
             });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(augment, Augment, augment_ref, implementation<Augment<float>, &augment_rows>("rows"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
