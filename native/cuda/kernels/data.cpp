// Host side of the data kernels: see cuda/kernels/augment.cu.
//
// draw_shapes10 and draw_scenes are `host_drawing`: the pictures that the package draws are equal to the bit
// on every device, so the same host code (native/data, compiled once, without contraction) draws them inside
// of the task, and they are copied. A data set is drawn once, so no step waits for it.
#include <algorithm>

#include "cuda/launch_context.h"
#include "data/scenes.h"
#include "data/shapes10.h"
#include "kernels/augment.h"
#include "ops/data.h"
#include "ops/scenes.h"

namespace lapidary::cuda {
namespace {

// Rows that a block takes: a multiple of its warps, some 4,096 values if that many rows are there.
int64_t rows_of_block(const AugmentProblem& p) {
  return std::clamp<int64_t>(ceil_div(4096, p.w * p.c * 8) * 8, 8, 64);
}
int64_t blocks_of_image(const AugmentProblem& p) { return ceil_div(p.h, rows_of_block(p)); }

void augment_rows(const AugmentProblem& p, const Augment<float>& a, LaunchContext& context) {
  FaultWord* fault = context.fault_word([images = p.images](uint32_t position, int32_t value) {
    return Error(
        ErrorCode::Index,
        format("augment: expected image indices in 0..%lld, got %d at position %u; check the sampler "
               "against the size of the data set",
               static_cast<long long>(images - 1), value, position));
  });
  const int64_t parts = blocks_of_image(p);
  context.launch(
      {"augment", "augment"}, {p.n * parts}, {256},
      AugmentParameters{a.images, a.index, a.y, context.step, fault, p.h, p.w, p.c, p.images, p.pad, p.cutout,
                        static_cast<uint64_t>(p.seed), rows_of_block(p), parts, p.train, p.flip});
}

// As the opening block of augment.cu says.
double augment_bytes(const AugmentProblem& p) {
  return 5.0 * static_cast<double>(p.n * p.h * p.w * p.c) +
         12.0 * static_cast<double>(p.n * blocks_of_image(p));
}

// Draws n pictures of `size` bytes by draw(i, pixels) -> label, a few at a time: those drawn are copied
// meanwhile.
template <class Draw>
void draw_on_host(int64_t n, int64_t size, uint8_t* images, int32_t* labels, LaunchContext& context,
                  Draw&& draw) {
  constexpr int64_t kBytesOfSlice = int64_t{16} << 20;
  const auto drawn_labels = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(n));
  const int64_t most = std::max<int64_t>(kBytesOfSlice / size, 1);
  for (int64_t first = 0; first < n; first += most) {
    const int64_t count = std::min(most, n - first);
    const auto bytes = static_cast<size_t>(count * size);
    const auto pictures = std::make_shared<std::vector<uint8_t>>(bytes);
    for (int64_t i = 0; i < count; ++i)
      (*drawn_labels)[static_cast<size_t>(first + i)] = draw(first + i, pictures->data() + i * size);
    context.copy_from_host(images + first * size, std::shared_ptr<void>(pictures, pictures->data()), bytes);
  }
  context.copy_from_host(labels, std::shared_ptr<void>(drawn_labels, drawn_labels->data()),
                         drawn_labels->size() * sizeof(int32_t));
}

void draw_shapes10_on_host(const DrawShapes10Problem& p, const DrawShapes10<float>& a,
                           LaunchContext& context) {
  draw_on_host(p.n, 32 * 32 * 3, a.images, a.labels, context, [&](int64_t i, uint8_t* pixels) {
    return data::draw_shapes10(static_cast<uint64_t>(p.seed), static_cast<uint64_t>(p.first + i), pixels);
  });
}

void draw_scenes_on_host(const DrawScenesProblem& p, const DrawScenes<float>& a, LaunchContext& context) {
  draw_on_host(p.n, 256 * 256 * 3, a.images, a.labels, context, [&](int64_t i, uint8_t* pixels) {
    return data::draw_scene(static_cast<uint64_t>(p.seed), static_cast<uint64_t>(p.first + i), pixels);
  });
}

}  // namespace

ImplementationList augment() {
  return {
      with_traffic<AugmentProblem, &augment_bytes>(implementation<Augment<float>, &augment_rows>("rows"))};
}
ImplementationList draw_shapes10() {
  return {implementation<DrawShapes10<float>, &draw_shapes10_on_host>("host_drawing")};
}
ImplementationList draw_scenes() {
  return {implementation<DrawScenes<float>, &draw_scenes_on_host>("host_drawing")};
}

}  // namespace lapidary::cuda
