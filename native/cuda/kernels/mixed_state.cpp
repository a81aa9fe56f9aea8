// Host side of the mixed state kernels: see cuda/kernels/.
#include "ops/mixed_state.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList separable_fprop() { return {}; }
ImplementationList separable_backward() { return {}; }
ImplementationList state_pools() { return {}; }
ImplementationList state_pools_dgrad() { return {}; }
ImplementationList mixed_sum() { return {}; }
ImplementationList mixed_reduce() { return {}; }
ImplementationList branch_gradient() { return {}; }

}  // namespace lapidary::cuda
