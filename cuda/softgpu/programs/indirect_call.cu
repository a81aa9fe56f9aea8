// Calls whose target is known at run time only: a table of function pointers, a pointer that the host reads
// from the device and passes back, and virtual functions, with lanes of a warp taking different targets.
//
// Proves call prototypes, function addresses in initialisers, and virtual tables in global memory.
#include <cuda_runtime.h>

using Operation = float (*)(float, float);

namespace {

__device__ float add(float a, float b) { return a + b; }
__device__ float multiply(float a, float b) { return a * b; }
__device__ float largest(float a, float b) { return fmaxf(a, b); }
__device__ float mean(float a, float b) { return 0.5f * (a + b); }

__device__ Operation table[4] = {add, multiply, largest, mean};

struct Shape {
  __device__ virtual float area() const = 0;
  __device__ virtual float scaled(float by) const { return area() * by; }
};

struct Rectangle : Shape {
  float width, height;
  __device__ Rectangle(float width, float height) : width(width), height(height) {}
  __device__ float area() const override { return width * height; }
};

struct Triangle : Shape {
  float base, height;
  __device__ Triangle(float base, float height) : base(base), height(height) {}
  __device__ float area() const override { return 0.5f * base * height; }
  __device__ float scaled(float by) const override { return area() * by * by; }
};

__device__ __noinline__ float measure(const Shape& shape, float by) {
  return shape.scaled(by) + shape.area();
}

}  // namespace

extern "C" __device__ Operation chosen = multiply;

extern "C" __global__ void by_table(const int* which, const float* a, const float* b, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) y[i] = table[which[i]](a[i], b[i]);
}

extern "C" __global__ void by_pointer(Operation operation, const float* a, const float* b, float* y,
                                      int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) y[i] = operation(a[i], b[i]);
}

extern "C" __global__ void by_virtual(const int* which, const float* a, const float* b, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const Rectangle rectangle(a[i], b[i]);
  const Triangle triangle(a[i], b[i]);
  const Shape& shape = which[i] % 2 == 0 ? static_cast<const Shape&>(rectangle) : triangle;
  y[i] = measure(shape, 3.0f);
}
