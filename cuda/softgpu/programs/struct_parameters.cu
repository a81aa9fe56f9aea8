// Kernel parameters of every size: bool, bytes, halves, an odd-sized struct, and structs of hundreds of bytes
// by value whose arrays are indexed at run time; a device function that takes and returns a struct by value.
//
// Proves the layout of parameters, .param memory addressed through a register, and aggregates in calls.
#include <cuda_fp16.h>
#include <cuda_runtime.h>

struct Odd {
  unsigned char bytes[7];
};

struct Window {
  int order[33];
  double weights[40];
  short shifts[31];
  char name[13];
};

struct Fraction {
  long long numerator, denominator;
  int rank, terms;
};

namespace {

__device__ __noinline__ Fraction add(Fraction a, Fraction b) {
  return {a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator,
          a.rank > b.rank ? a.rank : b.rank, a.terms + b.terms};
}

}  // namespace

extern "C" __global__ void mixed(bool negate, unsigned char byte, __half half, Odd odd, short number,
                                 double scale, Window window, float shift, long long* integers,
                                 double* reals) {
  const int i = threadIdx.x;
  long long integer = byte + odd.bytes[i % 7] + number + window.order[i % 33] + window.name[i % 13];
  integer += window.shifts[window.order[i % 33] & 15];
  integers[i] = negate ? -integer : integer;
  reals[i] =
      window.weights[i % 40] * scale + static_cast<double>(shift) + static_cast<double>(__half2float(half));
}

extern "C" __global__ void harmonic(Fraction* y) {
  Fraction sum{0, 1, 0, 0};
  for (int i = 1; i <= static_cast<int>(threadIdx.x % 12) + 1; ++i) sum = add(sum, {1, i, i, 1});
  y[threadIdx.x] = sum;
}
