// Host side of gemm_bf16.cu: products of bf16 are exact in double; the tolerance covers sums in f32 of any
// order.
#include "tensor_gemm.h"

namespace softgpu::programs {
namespace {

void run(Random& random) { run_tensor_gemm("gemm_bf16", random, to_bfloat16, from_bfloat16); }

const Registration registration("gemm_bf16", run);

}  // namespace
}  // namespace softgpu::programs
