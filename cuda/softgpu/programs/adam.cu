// Adam (Kingma, Ba 2015) on many tensors in one launch: the kernel's parameter is a struct of pointer arrays,
// and each block finds its tensor and chunk in tables beside them.
//
// Proves pointers loaded from parameter memory at an address known at run time, and float4 access where it is
// aligned.
#include <cuda_runtime.h>

constexpr int kTensors = 12, kBlocks = 48, kChunk = 512;

struct Tensors {
  float* parameter[kTensors];
  const float* gradient[kTensors];
  float* mean[kTensors];
  float* square[kTensors];
  int size[kTensors];
  unsigned char block_tensor[kBlocks];
  int block_chunk[kBlocks];
};

struct Settings {
  float rate, beta1, beta2, epsilon, correction1, correction2;
};

namespace {

__device__ void update(float& p, float g, float& m, float& v, const Settings& s) {
  m = s.beta1 * m + (1 - s.beta1) * g;
  v = s.beta2 * v + (1 - s.beta2) * g * g;
  p -= s.rate * (m / s.correction1) / (sqrtf(v / s.correction2) + s.epsilon);
}

}  // namespace

extern "C" __global__ void adam(Tensors tensors, Settings settings) {
  const int tensor = tensors.block_tensor[blockIdx.x], first = tensors.block_chunk[blockIdx.x] * kChunk;
  const int end = min(first + kChunk, tensors.size[tensor]);
  float* p = tensors.parameter[tensor];
  const float* g = tensors.gradient[tensor];
  float *m = tensors.mean[tensor], *v = tensors.square[tensor];
  int i = first + 4 * threadIdx.x;
  for (; i + 4 <= end; i += 4 * blockDim.x) {
    float4 p4 = *reinterpret_cast<float4*>(p + i), m4 = *reinterpret_cast<float4*>(m + i);
    float4 v4 = *reinterpret_cast<float4*>(v + i);
    const float4 g4 = *reinterpret_cast<const float4*>(g + i);
    update(p4.x, g4.x, m4.x, v4.x, settings);
    update(p4.y, g4.y, m4.y, v4.y, settings);
    update(p4.z, g4.z, m4.z, v4.z, settings);
    update(p4.w, g4.w, m4.w, v4.w, settings);
    *reinterpret_cast<float4*>(p + i) = p4;
    *reinterpret_cast<float4*>(m + i) = m4;
    *reinterpret_cast<float4*>(v + i) = v4;
  }
  for (; i < end; ++i) update(p[i], g[i], m[i], v[i], settings);
}
