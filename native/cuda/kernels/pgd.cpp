// Host side of the pgd kernels: see cuda/kernels/.
#include "ops/pgd.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList pgd_start() { return {}; }
ImplementationList pgd_step() { return {}; }

}  // namespace lapidary::cuda
