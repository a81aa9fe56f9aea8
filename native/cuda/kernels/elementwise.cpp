// Host side of the elementwise kernels: see cuda/kernels/.
#include "ops/elementwise.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList unary_forward() { return {}; }
ImplementationList unary_backward() { return {}; }
ImplementationList binary() { return {}; }

}  // namespace lapidary::cuda
