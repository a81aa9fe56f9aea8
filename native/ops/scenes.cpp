#include "ops/scenes.h"

#include "ops/ops.h"

namespace lapidary::ops {

Outputs draw_scenes(OpCall& call) {
  const DrawScenesProblem problem{call.int_in(0, 1, 10000000), call.seed(0), call.seed(1)};
  Tensor images = Tensor::empty(*call_context().device, {problem.n, 256, 256, 3}, DType::U8);
  Tensor labels = Tensor::empty(*call_context().device, {problem.n}, DType::I32);
  launch(KernelId::draw_scenes, images.device(), problem, {images, labels});
  return {images, labels};
}

}  // namespace lapidary::ops
