// Tiles staged through shared memory by cuda::memcpy_async: a cuda::pipeline over the block, with all threads
// in both roles and with a warp that only produces, and a cuda::barrier that counts the copies.
//
// Proves cp.async.mbarrier.arrive, test_wait.parity, mbarrier.inval, and copies that become visible to the
// block through an mbarrier alone.
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#include <cuda/barrier>
#include <cuda/pipeline>

namespace {

namespace cg = cooperative_groups;
using Barrier = cuda::barrier<cuda::thread_scope_block>;
constexpr int kWidth = 128, kStages = 3;
using PipelineState = cuda::pipeline_shared_state<cuda::thread_scope_block, kStages>;

}  // namespace

// y[tile][i] = x[tile][i] + 2 x[tile][width - 1 - i], all threads copy and all use
extern "C" __global__ void __launch_bounds__(kWidth) unified(const float* x, float* y, int tiles) {
  __shared__ alignas(PipelineState) unsigned char memory[sizeof(PipelineState)];
  __shared__ alignas(16) float buffers[kStages][kWidth];
  const auto block = cg::this_thread_block();
  auto pipeline = cuda::make_pipeline(block, reinterpret_cast<PipelineState*>(memory));
  for (int tile = 0, next = 0; tile < tiles; ++tile) {
    for (; next < tiles && next < tile + kStages; ++next) {
      pipeline.producer_acquire();
      cuda::memcpy_async(block, buffers[next % kStages], x + next * kWidth,
                         cuda::aligned_size_t<16>(sizeof buffers[0]), pipeline);
      pipeline.producer_commit();
    }
    pipeline.consumer_wait();
    const float* values = buffers[tile % kStages];
    y[tile * kWidth + threadIdx.x] = values[threadIdx.x] + 2 * values[kWidth - 1 - threadIdx.x];
    pipeline.consumer_release();
  }
}

// The same; the last warp copies, the others use.
extern "C" __global__ void __launch_bounds__(kWidth + 32) specialised(const float* x, float* y, int tiles) {
  __shared__ alignas(PipelineState) unsigned char memory[sizeof(PipelineState)];
  __shared__ alignas(16) float buffers[kStages][kWidth];
  const auto block = cg::this_thread_block();
  const bool produces = threadIdx.x >= kWidth;
  auto pipeline =
      cuda::make_pipeline(block, reinterpret_cast<PipelineState*>(memory),
                          produces ? cuda::pipeline_role::producer : cuda::pipeline_role::consumer);
  for (int tile = 0; tile < tiles; ++tile) {
    float* const values = buffers[tile % kStages];
    if (produces) {
      const int lane = threadIdx.x - kWidth;
      pipeline.producer_acquire();
      cuda::memcpy_async(values + 4 * lane, x + tile * kWidth + 4 * lane, cuda::aligned_size_t<16>(16),
                         pipeline);
      pipeline.producer_commit();
    } else {
      pipeline.consumer_wait();
      y[tile * kWidth + threadIdx.x] = values[threadIdx.x] + 2 * values[kWidth - 1 - threadIdx.x];
      pipeline.consumer_release();
    }
  }
}

// The same, one tile a block, its copies counted by a barrier.
extern "C" __global__ void __launch_bounds__(kWidth) counted(const float* x, float* y) {
  __shared__ alignas(Barrier) unsigned char memory[sizeof(Barrier)];
  __shared__ alignas(16) float values[kWidth];
  Barrier& barrier = *reinterpret_cast<Barrier*>(memory);
  const auto block = cg::this_thread_block();
  if (threadIdx.x == 0) init(&barrier, kWidth);
  block.sync();
  cuda::memcpy_async(block, values, x + blockIdx.x * kWidth, cuda::aligned_size_t<16>(sizeof values),
                     barrier);
  barrier.arrive_and_wait();
  y[blockIdx.x * kWidth + threadIdx.x] = values[threadIdx.x] + 2 * values[kWidth - 1 - threadIdx.x];
}
