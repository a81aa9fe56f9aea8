// Host side of the pool kernels: see cuda/kernels/.
#include "ops/pool.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList pool_fprop() { return {}; }
ImplementationList pool_dgrad() { return {}; }

}  // namespace lapidary::cuda
