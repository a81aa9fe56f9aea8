// Draws samples of the shapes10 data set (data/shapes10.h) into device memory, an image a task. Variants:
// `images` runs the images over the pool; ref draws them one after the other. About 3 KB written an image.
// Bench: npm run bench:kernel -- --kernel draw_shapes10 --problem "N=1024"
#include "data/shapes10.h"

#include "cpu/kernels/kernel.h"
#include "ops/data.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void draw(const DrawShapes10Problem& p, const DrawShapes10<T>& a, int64_t n) {
  a.labels[n] = data::draw_shapes10(static_cast<uint64_t>(p.seed), static_cast<uint64_t>(p.first + n),
                                    a.images + n * 32 * 32 * 3);
}

template <class T>
void draw_shapes10_ref(const DrawShapes10Problem& p, const DrawShapes10<T>& a, KernelContext&) {
  for (int64_t n = 0; n < p.n; ++n) draw(p, a, n);
}

void draw_shapes10_images(const DrawShapes10Problem& p, const DrawShapes10<float>& a,
                          KernelContext& context) {
  context.parallel(p.n, [&](int64_t n, int) { draw(p, a, n); });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(draw_shapes10, DrawShapes10, draw_shapes10_ref,
                       implementation<DrawShapes10<float>, &draw_shapes10_images>("images"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
