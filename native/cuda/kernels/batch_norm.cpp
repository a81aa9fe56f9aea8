// Host side of the batch norm kernels: see cuda/kernels/.
#include "ops/batch_norm.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList batch_norm_statistics() { return {}; }
ImplementationList batch_norm_fold() { return {}; }
ImplementationList normalize() { return {}; }
ImplementationList batch_norm_reduce() { return {}; }
ImplementationList batch_norm_dgrad() { return {}; }
ImplementationList running_statistics() { return {}; }

}  // namespace lapidary::cuda
