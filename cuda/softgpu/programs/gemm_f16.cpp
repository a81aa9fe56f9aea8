// Host side of gemm_f16.cu: products of f16 are exact in double; the tolerance covers sums in f32 of any
// order.
#include "tensor_gemm.h"

namespace softgpu::programs {
namespace {

void run(Random& random) { run_tensor_gemm("gemm_f16", random, to_half, from_half); }

const Registration registration("gemm_f16", run);

}  // namespace
}  // namespace softgpu::programs
