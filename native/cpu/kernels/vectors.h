// Loops over vectors whose last one may be partial, and the elementary functions of a vector.
#pragma once

#include "cpu/kernels/kernel.h"

namespace lapidary::cpu::LAPIDARY_ISA {

typedef int32_t IntVec __attribute__((vector_size(LAPIDARY_VLEN * sizeof(int32_t))));

/// The count of lanes of a whole vector, known at compile time; a partial vector has a plain int64_t in its
/// place.
struct Full {
  constexpr operator int64_t() const { return kLanes; }
};

static inline Vec load(const float* p, Full) { return load(p); }
static inline Vec load(const float* p, int64_t lanes) { return load_tail(p, lanes); }
static inline void store(float* p, Vec v, Full) { store(p, v); }
static inline void store(float* p, Vec v, int64_t lanes) { store_tail(p, v, lanes); }

/// Lanes beyond `lanes` take those of `rest`.
static inline Vec load_or(const float* p, Full, Vec) { return load(p); }
static inline Vec load_or(const float* p, int64_t lanes, Vec rest) {
  std::memcpy(&rest, p, static_cast<size_t>(lanes) * sizeof(float));
  return rest;
}

/// body(i, lanes) for begin, begin + kLanes, ...
template <class Body>
inline void for_vectors(int64_t begin, int64_t end, Body&& body) {
  int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) body(i, Full{});
  if (i < end) body(i, end - i);
}

/// Elements of one task of a kernel that streams memory.
inline constexpr int64_t kStreamGrain = 32768;

/// Runs body(i, lanes) over 0..count-1 in parallel. Tasks start at multiples of 64, so vectors stay aligned.
/// `body` should capture by value: each task works on a copy of its own, which the compiler keeps in
/// registers across stores.
template <class Body>
void parallel_vectors(KernelContext& context, int64_t count, const Body& body) {
  for_ranges(context, ceil_div(count, 64), kStreamGrain / 64, [&](int64_t begin, int64_t end, int64_t, int) {
    const Body own = body;
    for_vectors(begin * 64, std::min(end * 64, count), own);
  });
}

/// Calls body with the flag as a type.
template <class Body>
inline void with_flag(bool flag, Body&& body) {
  if (flag)
    body(std::true_type{});
  else
    body(std::false_type{});
}

/// At least `floor`; NaN stays. A floor of -infinity changes nothing, so ReLU can be an argument.
static inline Vec at_least(Vec x, Vec floor) { return x < floor ? floor : x; }
static inline Vec at_most(Vec x, Vec ceiling) { return x > ceiling ? ceiling : x; }
static inline float relu_floor(bool relu) { return relu ? 0.0f : -std::numeric_limits<float>::infinity(); }

/// One step of `transpose`: squares of Step x Step change places across the diagonals of those twice as
/// large.
template <int Step = 1>
[[gnu::always_inline]] inline void transpose(Vec (&rows)[kLanes]) {
  if constexpr (Step < kLanes) {
    IntVec upper{}, lower{};
    for (int lane = 0; lane < kLanes; ++lane) {
      const bool second = (lane & Step) != 0;
      upper[lane] = second ? kLanes + lane - Step : lane;
      lower[lane] = second ? kLanes + lane : lane + Step;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if (i & Step) continue;
      const Vec a = rows[i], b = rows[i + Step];
      rows[i] = __builtin_shuffle(a, b, upper);
      rows[i + Step] = __builtin_shuffle(a, b, lower);
    }
    transpose<2 * Step>(rows);
  }
}

static inline Vec magnitude(Vec x) { return reinterpret_cast<Vec>(reinterpret_cast<IntVec>(x) & 0x7fffffff); }

/// The sum of the first `lanes` lanes, in order, in double.
static inline double sum_lanes(Vec v, int64_t lanes = kLanes) {
  double sum = 0;
  for (int64_t lane = 0; lane < lanes; ++lane) sum += static_cast<double>(v[lane]);
  return sum;
}
static inline float largest_lane(Vec v) {
  float most = v[0];
  for (int lane = 1; lane < kLanes; ++lane) most = v[lane] > most ? v[lane] : most;
  return most;
}

/// e^r - 1 for |r| <= ln 2 / 2, by the polynomial of Cephes' expf.
static inline Vec expm1_polynomial(Vec r) {
  Vec p = broadcast(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * (r * r) + r;
}

/// e^x to 2 units in the last place: e^x = 2^n e^r with |r| <= ln 2 / 2.
static inline Vec exp(Vec x) {
  x = at_least(at_most(x, broadcast(89.0f)), broadcast(-104.0f));
  const float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const Vec shifted = x * 1.44269504088896341f + kRound;
  const Vec n = shifted - kRound;
  const Vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  const Vec value = expm1_polynomial(r) + 1.0f;
  // 2^n in two factors, so that results near both ends of the range come out right.
  const IntVec power = reinterpret_cast<IntVec>(shifted) - 0x4b400000, half = power >> 1;
  const Vec low = reinterpret_cast<Vec>((half + 127) << 23),
            high = reinterpret_cast<Vec>((power - half + 127) << 23);
  return value * low * high;
}

/// e^x - 1, without loss of digits near 0.
static inline Vec expm1(Vec x) { return magnitude(x) < 0.34f ? expm1_polynomial(x) : exp(x) - 1.0f; }

static inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exp(-x)); }

/// tanh: (1 - e) / (1 + e) with e = exp(-2 |x|), and Cephes' polynomial near 0, where that difference loses
/// digits.
static inline Vec tanh(Vec x) {
  const Vec size = magnitude(x), e = exp(-2.0f * size), far = (1.0f - e) / (1.0f + e), square = x * x;
  Vec p = broadcast(-5.70498872745e-3f);
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  return size < 0.625f ? p * square * x + x : x < 0.0f ? -far : far;
}

/// The distribution function of the standard normal, Phi(x) = (1 + erf(x / sqrt 2)) / 2, by N. Juffa's
/// polynomials of erff: erf(t) = t + t q(t^2) near 0, 1 - e^r(t) beyond, where e^r / 2 is the tail itself, so
/// that nothing cancels (within 2e-4 of itself at -8, where it is 6e-16).
static inline Vec normal_distribution(Vec x) {
  const Vec y = x * 0.70710678118654752f, t = magnitude(y), s = y * y;
  Vec r = broadcast(-1.72853470e-5f) * t + 3.83197126e-4f;
  r = r * s + (-3.88396438e-3f * t + 2.42546219e-2f);
  r = r * t - 1.06777877e-1f;
  r = r * t - 6.34846687e-1f;
  r = r * t - 1.28717512e-1f;
  const Vec tail = 0.5f * exp(r * t - t);
  Vec q = broadcast(-5.96761703e-4f);
  q = q * s + 4.99119423e-3f;
  q = q * s - 2.67681349e-2f;
  q = q * s + 1.12819925e-1f;
  q = q * s - 3.76125336e-1f;
  q = q * s + 1.28379166e-1f;
  const Vec near = 0.5f + 0.5f * (q * y + y);
  return t <= 0.927734375f ? near : x < 0.0f ? tail : 1.0f - tail;
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
