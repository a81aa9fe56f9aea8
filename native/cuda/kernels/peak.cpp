// Host side of the peak kernels: see cuda/kernels/.
#include "ops/peak.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {
ImplementationList fma_chains() { return {}; }
ImplementationList stream_read() { return {}; }
ImplementationList stream_triad() { return {}; }

}  // namespace lapidary::cuda
