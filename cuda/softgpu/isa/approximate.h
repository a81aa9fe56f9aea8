// Results of approximate instructions moved within their error bound (SOFTGPU_APPROXIMATE=perturbed), so that
// a kernel cannot lean on one machine's luck.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace softgpu {

/// A number in [-1, 1] that depends on the arguments alone, so that a result repeats.
inline double noise(float a, float b = 0) {
  std::uint32_t h = std::bit_cast<std::uint32_t>(a) + 0x9e3779b9u * std::bit_cast<std::uint32_t>(b);
  h = (h ^ h >> 16) * 0x7feb352du;
  h = (h ^ h >> 15) * 0x846ca68bu;
  h ^= h >> 16;
  return static_cast<double>(h) / 2147483648.0 - 1.0;
}

/// Distance of two f32 at the magnitude of `value`.
inline double ulp_of_f32(double value) {
  const int exponent = value == 0 ? -126 : std::max(std::ilogb(value), -126);
  return std::ldexp(1.0, exponent - 23);
}

/// `exact` moved by noise * error and rounded by `round`; rounded where it stands if that would leave the
/// bound or change the sign.
template <class Round>
auto perturbed(double exact, double error, double noise, Round round) {
  const auto moved = round(exact + noise * error);
  const bool stays =
      std::fabs(static_cast<double>(moved) - exact) <= error && std::signbit(moved) == std::signbit(exact);
  return error != 0 && stays ? moved : round(exact);
}

}  // namespace softgpu
