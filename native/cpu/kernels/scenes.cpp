// Draws samples of the scenes data set (data/scenes.h) into device memory, an image a task. Variants:
// `images` runs the images over the pool; ref draws them one after the other. 192 KB written an image.
// Bench: npm run bench:kernel -- --kernel draw_scenes --problem "N=64"
#include "data/scenes.h"

#include "cpu/kernels/kernel.h"
#include "ops/scenes.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void draw(const DrawScenesProblem& p, const DrawScenes<T>& a, int64_t n) {
  a.labels[n] = data::draw_scene(static_cast<uint64_t>(p.seed), static_cast<uint64_t>(p.first + n),
                                 a.images + n * 256 * 256 * 3);
}

template <class T>
void draw_scenes_ref(const DrawScenesProblem& p, const DrawScenes<T>& a, KernelContext&) {
  for (int64_t n = 0; n < p.n; ++n) draw(p, a, n);
}

void draw_scenes_images(const DrawScenesProblem& p, const DrawScenes<float>& a, KernelContext& context) {
  context.parallel(p.n, [&](int64_t n, int) { draw(p, a, n); });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(draw_scenes, DrawScenes, draw_scenes_ref,
                       implementation<DrawScenes<float>, &draw_scenes_images>("images"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
