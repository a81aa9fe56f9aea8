// What every f32 instruction shares: .ftz's zero and the canonical NaN. f64 has no .ftz and a quiet NaN of
// its own.
#pragma once

#include <bit>
#include <cstdint>

namespace softgpu {

inline float canonical(float value) { return value != value ? std::bit_cast<float>(0x7fffffffu) : value; }
inline double canonical(double value) {
  return value != value ? std::bit_cast<double>(0x7ff8000000000000ull) : value;
}

inline float flush(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & 0x7f800000u) == 0 ? std::bit_cast<float>(bits & 0x80000000u) : value;
}
inline double flush(double value) { return value; }

}  // namespace softgpu
