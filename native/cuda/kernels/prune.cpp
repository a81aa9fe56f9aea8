// Host side of the prune kernels: see cuda/kernels/.
#include "ops/prune.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList channel_scores() { return {}; }
ImplementationList magnitude_threshold() { return {}; }
ImplementationList prune_mask() { return {}; }

}  // namespace lapidary::cuda
