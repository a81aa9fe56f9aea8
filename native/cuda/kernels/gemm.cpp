// Host side of the gemm kernels: see cuda/kernels/.
#include "ops/gemm.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList gemm() { return {}; }
ImplementationList column_sum() { return {}; }

}  // namespace lapidary::cuda
