// Histogram of bytes: a shared histogram a warp, added to the global one by atomics; and of floats, with
// every kind of global atomic that nvcc emits.
//
// Proves shared and global atomics under contention, on 32 and 64 bits, and that their sums do not depend on
// the order.
#include <cuda_runtime.h>

extern "C" __global__ void histogram(const uchar4* x, int count, unsigned* bins) {
  extern __shared__ unsigned own[];  // [warps][256]
  const int warps = blockDim.x / 32;
  for (int i = threadIdx.x; i < warps * 256; i += blockDim.x) own[i] = 0;
  __syncthreads();
  unsigned* mine = own + threadIdx.x / 32 * 256;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    const uchar4 four = x[i];
    atomicAdd(mine + four.x, 1u);
    atomicAdd(mine + four.y, 1u);
    atomicAdd(mine + four.z, 1u);
    atomicAdd(mine + four.w, 1u);
  }
  __syncthreads();
  for (int bin = threadIdx.x; bin < 256; bin += blockDim.x) {
    unsigned sum = 0;
    for (int warp = 0; warp < warps; ++warp) sum += own[warp * 256 + bin];
    if (sum > 0) atomicAdd(bins + bin, sum);
  }
}

struct Statistics {
  int smallest, largest;
  unsigned any, all, parity, wrapped, stepped;
  unsigned long long sum, largest_wide;
  unsigned product_bits;  ///< by a compare-and-swap loop
  float float_sum;        ///< of integers, so that it is exact
  double double_sum;
};

extern "C" __global__ void statistics(const int* x, int count, Statistics* s) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int value = x[i];
  atomicMin(&s->smallest, value);
  atomicMax(&s->largest, value);
  atomicOr(&s->any, static_cast<unsigned>(value));
  atomicAnd(&s->all, static_cast<unsigned>(value));
  atomicXor(&s->parity, static_cast<unsigned>(value));
  atomicInc(&s->wrapped, 99u);
  atomicDec(&s->stepped, 70u);
  atomicAdd(&s->sum, static_cast<unsigned long long>(static_cast<long long>(value)));
  atomicMax(&s->largest_wide, static_cast<unsigned long long>(value & 0xffff) << 33);
  atomicAdd(&s->float_sum, static_cast<float>(value & 15));
  atomicAdd(&s->double_sum, static_cast<double>(value));
  unsigned seen = *static_cast<volatile unsigned*>(&s->product_bits), assumed;
  do {
    assumed = seen;
    seen = atomicCAS(&s->product_bits, assumed, assumed * (2u * static_cast<unsigned>(value) + 1u));
  } while (seen != assumed);
}
