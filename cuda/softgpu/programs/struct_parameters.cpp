// Host side of struct_parameters.cu: parameters as pointers, and once as one packed buffer.
#include "harness.h"
#include "reference.h"

namespace softgpu::programs {
namespace {

// As in the kernel.
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

struct Half {
  std::uint16_t bits;
};

/// Parameters laid out as the kernel's signature says, for cuLaunchKernel's `extra`.
class Packed {
 public:
  template <class T>
  void add(const T& value) {
    bytes_.resize((bytes_.size() + alignof(T) - 1) / alignof(T) * alignof(T));
    const auto* begin = reinterpret_cast<const unsigned char*>(&value);
    bytes_.insert(bytes_.end(), begin, begin + sizeof(T));
  }
  void launch(CUfunction function, unsigned threads) {
    std::size_t size = bytes_.size();
    void* const kBufferPointer = reinterpret_cast<void*>(1);
    void* const kBufferSize = reinterpret_cast<void*>(2);
    void* extra[] = {kBufferPointer, bytes_.data(), kBufferSize, &size, nullptr};
    driver().cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, 0, nullptr, nullptr, extra);
  }

 private:
  std::vector<unsigned char> bytes_;
};

void run(Random& random) {
  const Module module("struct_parameters");
  const int threads = 123;
  const unsigned char byte = 200;
  const Half half{to_half(1.5f)};
  const short number = -12345;
  const double scale = random.uniform(1, 2);
  const float shift = 0.25f;
  Odd odd;
  for (unsigned char& value : odd.bytes) value = static_cast<unsigned char>(random.integer(256));
  Window window{};
  for (int& value : window.order) value = static_cast<int>(random.integer(1000));
  for (double& value : window.weights) value = static_cast<double>(random.integer(1 << 20));
  for (short& value : window.shifts) value = static_cast<short>(random.integer(65536));
  std::memcpy(window.name, "thirteen char", 13);

  const CUfunction mixed = module.function("mixed");
  const Buffer<long long> integers(threads);
  const Buffer<double> reals(threads);
  for (const bool negate : {false, true}) {
    std::vector<long long> expected;
    std::vector<double> expected_reals;
    for (int i = 0; i < threads; ++i) {
      const int order = window.order[i % 33];
      const long long integer =
          byte + odd.bytes[i % 7] + number + order + window.name[i % 13] + window.shifts[order & 15];
      expected.push_back(negate ? -integer : integer);
      expected_reals.push_back(window.weights[i % 40] * scale + 1.75);
    }
    if (negate) {
      Packed packed;
      packed.add(negate), packed.add(byte), packed.add(half), packed.add(odd), packed.add(number);
      packed.add(scale), packed.add(window), packed.add(shift);
      packed.add(integers.address()), packed.add(reals.address());
      packed.launch(mixed, threads);
    } else {
      launch(mixed, {1, threads}, negate, byte, half, odd, number, scale, window, shift, integers, reals);
    }
    expect_equal("integers", integers.read(), expected);
    expect_near("reals", reals.read(), expected_reals, 0, 1e-15);
  }

  std::vector<Fraction> fractions(threads);
  for (int thread = 0; thread < threads; ++thread) {
    Fraction& sum = fractions[thread];
    sum.denominator = 1;
    for (int i = 1; i <= thread % 12 + 1; ++i) {
      sum.numerator = sum.numerator * i + sum.denominator;
      sum.denominator *= i;
      sum.rank = i;
      ++sum.terms;
    }
  }
  const Buffer<Fraction> y(threads);
  launch(module.function("harmonic"), {1, threads}, y);
  expect_equal("harmonic", y.read(), fractions);
}

const Registration registration("struct_parameters", run);

}  // namespace
}  // namespace softgpu::programs
