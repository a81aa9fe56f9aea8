// Host side of the layout kernels: see cuda/kernels/.
#include "kernels/fill.h"

#include "cuda/launch_context.h"
#include "ops/layout.h"

namespace lapidary::cuda {
namespace {

void fill_vectors(const FillProblem& p, const Fill<float>& args, LaunchContext& context) {
  context.launch({"fill", "fill"}, {ceil_div(p.count, 4 * 256)}, {256},
                 FillParameters{args.y, p.count, p.value});
}

}  // namespace

ImplementationList strided_copy() { return {}; }
ImplementationList fill() { return {implementation<Fill<float>, &fill_vectors>("vectors")}; }
ImplementationList gather_forward() { return {}; }
ImplementationList gather_backward() { return {}; }
ImplementationList cast() { return {}; }

}  // namespace lapidary::cuda
