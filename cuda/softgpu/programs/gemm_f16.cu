// Tensor-core GEMM in f16: cp.async, ldmatrix and mma.sync.m16n8k16; see tensor_gemm.cuh.
//
// Proves the fragment layouts of ldmatrix, plain and transposed, and of mma, and zero fill of parts of 16
// bytes: the padding of the matrices in memory holds NaN.
#include "tensor_gemm.cuh"

namespace {

struct Multiply {
  static __device__ void run(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
};

}  // namespace

extern "C" __global__ void __launch_bounds__(tensor_gemm::kThreads)
    gemm(const unsigned short* a, const unsigned short* b, float* c, int m, int n, int k, int lda, int ldb) {
  tensor_gemm::gemm<Multiply>(a, b, c, m, n, k, lda, ldb);
}
