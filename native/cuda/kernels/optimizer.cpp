// Host side of the optimizer kernels: see cuda/kernels/.
#include "ops/optimizer.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList sgd() { return {}; }
ImplementationList adam() { return {}; }
ImplementationList lerp() { return {}; }
ImplementationList norm2() { return {}; }
ImplementationList clip_norm() { return {}; }

}  // namespace lapidary::cuda
