#include "tensor_core.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <type_traits>

namespace softgpu {

namespace {

using ptx::Type;

// ---- operands, spread over the lanes of their results
// ----------------------------------------------------------------------------------------------

using Half = std::uint32_t __attribute__((vector_size(64)));  // 16 lanes

constexpr Half kQuad{0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12};              // 4 g of lane 4 g + q
constexpr Half kQuadOfColumn{0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24, 0, 8, 16, 24};  // 4 (2 q)

/// Vector v of D holds row g + 8 (v / 2), column 2 q + v % 2 in lane 4 g + q. Its factors along k:
template <std::uint32_t kM, std::uint32_t kK>
struct Spread {
  alignas(64) std::uint32_t rows[kM / 8][kK][kLanes];  ///< [i][k][4 g + q]: A(g + 8 i, k)
  alignas(64) std::uint32_t columns[2][kK][16];        ///< [j][k][4 x + q]: B(k, 2 q + j), the same for all x
};

/// Part h of register r of A is A(g + 8 (r % 2), k) in lane 4 g + q, with q = (k % (4 packed)) / packed: it
/// goes to all lanes of its quad. Of B it is B(k, g): lane 4 x + q wants that of lane 4 (2 q + j) + (k's q).
/// `take(word, h)` is part h of a register.
template <std::uint32_t kM, std::uint32_t kK, std::uint32_t kPacked, class TakeA, class TakeB>
void spread(const Fragments& f, Spread<kM, kK>& to, TakeA take_a, TakeB take_b) {
  constexpr std::uint32_t kRows = kM / 8;
  alignas(64) std::uint32_t part[kLanes];
  for (std::uint32_t r = 0; r < kM * kK / kLanes / kPacked; ++r) {
    for (std::uint32_t h = 0; h < kPacked; ++h) {
      for (std::uint32_t l = 0; l < kLanes; ++l) part[l] = take_a(f.a[r][l], h);
      Half low, high;
      __builtin_memcpy(&low, part, sizeof low);
      __builtin_memcpy(&high, part + 16, sizeof high);
      for (std::uint32_t q = 0; q < 4; ++q) {
        const Half index = kQuad + q;
        std::uint32_t* row = to.rows[r % kRows][kPacked * q + h + 4 * kPacked * (r / kRows)];
        const Half first = __builtin_shuffle(low, index), second = __builtin_shuffle(high, index);
        __builtin_memcpy(row, &first, sizeof first);
        __builtin_memcpy(row + 16, &second, sizeof second);
      }
    }
  }
  for (std::uint32_t r = 0; r < kK / 4 / kPacked; ++r) {
    for (std::uint32_t h = 0; h < kPacked; ++h) {
      for (std::uint32_t l = 0; l < kLanes; ++l) part[l] = take_b(f.b[r][l], h);
      Half low, high;
      __builtin_memcpy(&low, part, sizeof low);
      __builtin_memcpy(&high, part + 16, sizeof high);
      for (std::uint32_t q = 0; q < 4; ++q) {
        for (std::uint32_t j = 0; j < 2; ++j) {
          const Half index = kQuadOfColumn + (4 * j + q);
          const Half values = __builtin_shuffle(low, high, index);
          __builtin_memcpy(to.columns[j][kPacked * q + h + 4 * kPacked * r], &values, sizeof values);
        }
      }
    }
  }
}

// ---- formats
// ---------------------------------------------------------------------------------------------------------

std::uint32_t f16_to_f32(std::uint32_t half) {
  const std::uint32_t shifted = (half & 0x7fff) << 13;
  // The exponent's bias changes by 112; scaling gives subnormals their right value too.
  const auto scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(shifted) * 0x1p112f);
  return ((half & 0x7c00) == 0x7c00 ? shifted | 0x7f800000 : scaled) | (half & 0x8000) << 16;
}

/// To nearest, ties to even; NaN is 0x7fff.
std::uint32_t f32_to_f16(std::uint32_t bits) {
  const std::uint32_t magnitude = bits & 0x7fffffff;
  const std::uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
  // Beside 0.5 the last place of an f32 is that of a subnormal f16: the addition rounds.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude & 0x3fffffff) + 0.5f) - 0x3f000000;
  const std::uint32_t finite = magnitude < 0x38800000 ? subnormal : normal;
  const std::uint32_t limited = magnitude >= 0x47800000 ? 0x7c00 : finite;
  return magnitude > 0x7f800000 ? 0x7fff : limited | (bits >> 16 & 0x8000);
}

template <Type kType>
std::uint32_t to_f32(std::uint32_t word, std::uint32_t h) {
  if constexpr (kType == Type::f16) {
    return f16_to_f32(word >> (16 * h) & 0xffff);
  } else if constexpr (kType == Type::bf16) {
    return h == 0 ? word << 16 : word & 0xffff0000;
  } else {
    return word & 0xffffe000;  // tf32: the hardware reads the upper 19 bits
  }
}

/// A factor as exponent << 16 | significand with its sign, 10 fraction bits. Zero has an exponent that never
/// is the greatest; what is not finite is left to `Specials`.
constexpr std::int32_t kZeroExponent = -2000;
template <Type kType>
std::uint32_t to_factor(std::uint32_t word, std::uint32_t h) {
  std::uint32_t field, fraction, negative;
  std::int32_t bias;
  if constexpr (kType == Type::f16) {
    const std::uint32_t half = word >> (16 * h) & 0xffff;
    field = half >> 10 & 31, fraction = half & 1023, negative = half >> 15, bias = 15;
  } else {
    const std::uint32_t bits = to_f32<kType>(word, h);
    field = bits >> 23 & 255, fraction = bits >> 13 & 1023, negative = bits >> 31, bias = 127;
  }
  const std::uint32_t significand = fraction | (field != 0 ? 1024u : 0u);
  const std::int32_t exponent =
      significand == 0 ? kZeroExponent : static_cast<std::int32_t>(field != 0 ? field : 1) - bias;
  const std::uint32_t with_sign = negative != 0 ? 0u - significand : significand;
  return static_cast<std::uint32_t>(exponent) << 16 | (with_sign & 0xffff);
}

bool is_special(std::uint32_t f32) { return (f32 & 0x7f800000) == 0x7f800000; }

// ---- the chain
// -------------------------------------------------------------------------------------------------------

/// Not inlined: unrolled into its callers its loops over lanes are no longer vectorised.
template <std::uint32_t kK>
[[gnu::noinline]] void chain(const std::uint32_t (*rows)[kLanes], const std::uint32_t (*columns)[16],
                             float* sums) {
  alignas(64) float sum[kLanes];
  for (std::uint32_t l = 0; l < kLanes; ++l) sum[l] = sums[l];
#pragma GCC unroll 1  // so that the loops over lanes are what is vectorised
  for (std::uint32_t k = 0; k < kK; ++k) {
    alignas(64) float x[kLanes], y[16];
    __builtin_memcpy(x, rows[k], sizeof x);
    __builtin_memcpy(y, columns[k], sizeof y);
    for (std::uint32_t l = 0; l < 16; ++l) sum[l] = __builtin_fmaf(x[l], y[l], sum[l]);
    for (std::uint32_t l = 0; l < 16; ++l) sum[16 + l] = __builtin_fmaf(x[16 + l], y[l], sum[16 + l]);
  }
  for (std::uint32_t l = 0; l < kLanes; ++l) sums[l] = sum[l];
}

// ---- A100's sums
// -----------------------------------------------------------------------------------------------------

constexpr std::int32_t kFractionBits = 24;     // kept of what is added
constexpr std::int32_t kLeastGreatest = -132;  // of a group's exponents
constexpr std::int32_t kProductFraction = 20;

float power_of_two(std::int32_t exponent) {  // -126 .. 127
  return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
}

/// Index of the highest bit of a number below 2^31, 0 of 0.
std::int32_t highest_bit(std::uint32_t number) {
  // Without the bit below the highest the conversion does not round up to the next power of two.
  const auto value = static_cast<float>(static_cast<std::int32_t>((number & ~(number >> 1)) | 1));
  return static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(value) >> 23) - 127;
}

std::int32_t at_least(std::int32_t a, std::int32_t b) { return a > b ? a : b; }
std::int32_t at_most(std::int32_t a, std::int32_t b) { return a < b ? a : b; }

/// magnitude * 2^unit, cut off to f32; exact where the value is representable.
float cut_off(std::uint32_t magnitude, std::int32_t unit) {
  const std::int32_t drop = at_least(at_least(0, highest_bit(magnitude) - 23), -149 - unit);  // at most 7
  const std::uint32_t kept = magnitude >> drop << drop;
  const std::int32_t half = unit >> 1;  // in two steps, neither of which rounds
  return static_cast<float>(static_cast<std::int32_t>(kept)) * power_of_two(half) * power_of_two(unit - half);
}

/// magnitude * 2^unit, rounded to nearest even to a number f16 can hold.
float nearest_f16(std::uint32_t magnitude, std::int32_t unit) {
  const std::int32_t place = at_least(highest_bit(magnitude) + unit, -14) - 10;  // exponent of the last place
  const auto drop = static_cast<std::uint32_t>(at_most(at_least(place - unit, 0), 31));
  const std::uint32_t half = 1u << drop >> 1;  // 0 if nothing is dropped
  const std::uint32_t odd = magnitude >> drop & 1;
  const std::uint32_t rounds = half - (half != 0 ? 1 : 0) + (half != 0 ? odd : 0);
  const auto whole = static_cast<float>(static_cast<std::int32_t>((magnitude + rounds) >> drop));
  const float value = whole * power_of_two(at_least(place, unit));  // -24 .. 6
  return value >= 65536.0f ? HUGE_VALF : value;
}

/// One group: sums += products of kGroup k, for 16 lanes.
template <std::uint32_t kGroup, bool kToF16>
void add_group(const std::uint32_t* rows, std::uint32_t row_stride, const std::uint32_t (*columns)[16],
               float* sums) {
  constexpr std::uint32_t kWidth = 16;
  constexpr std::int32_t kLeast = kToF16 ? -14 : -126;
  alignas(64) std::int32_t greatest[kWidth], exponents[kGroup][kWidth], total[kWidth];
  alignas(64) std::uint32_t before[kWidth];
  __builtin_memcpy(before, sums, sizeof before);
  for (std::uint32_t l = 0; l < kWidth; ++l) {
    const auto field = static_cast<std::int32_t>(before[l] >> 23 & 255);
    const std::int32_t exponent = at_least(at_least(field, 1) - 127, kLeast);
    greatest[l] = at_least(kLeastGreatest, (before[l] & 0x7fffffff) == 0 ? kZeroExponent : exponent);
  }
  for (std::uint32_t k = 0; k < kGroup; ++k) {
    for (std::uint32_t l = 0; l < kWidth; ++l) {
      exponents[k][l] = (static_cast<std::int32_t>(rows[k * row_stride + l]) >> 16) +
                        (static_cast<std::int32_t>(columns[k][l]) >> 16);
      greatest[l] = at_least(greatest[l], exponents[k][l]);
    }
  }
  for (std::uint32_t l = 0; l < kWidth; ++l) {
    const auto field = static_cast<std::int32_t>(before[l] >> 23 & 255);
    const std::uint32_t significand = (before[l] & 0x7fffff) | (field != 0 ? 0x800000u : 0u);
    // Of a zero the difference may be negative, its significand is 0.
    const std::int32_t shift = at_most(at_least(greatest[l] - (at_least(field, 1) - 127), 0), 31);
    const auto term = static_cast<std::int32_t>(significand << (kFractionBits - 23) >> shift);
    total[l] = static_cast<std::int32_t>(before[l]) < 0 ? -term : term;
  }
  for (std::uint32_t k = 0; k < kGroup; ++k) {
    for (std::uint32_t l = 0; l < kWidth; ++l) {
      const std::int32_t product = (static_cast<std::int32_t>(rows[k * row_stride + l] << 16) >> 16) *
                                   (static_cast<std::int32_t>(columns[k][l] << 16) >> 16);
      const std::int32_t shift = at_most(greatest[l] - exponents[k][l], 31);
      const std::int32_t magnitude = product < 0 ? -product : product;
      const std::int32_t term = magnitude << (kFractionBits - kProductFraction) >> shift;
      total[l] += product < 0 ? -term : term;
    }
  }
  for (std::uint32_t l = 0; l < kWidth; ++l) {
    const auto magnitude = static_cast<std::uint32_t>(total[l] < 0 ? -total[l] : total[l]);
    const std::int32_t unit = greatest[l] - kFractionBits;
    const float value = kToF16 ? nearest_f16(magnitude, unit) : cut_off(magnitude, unit);
    const auto sum = std::bit_cast<std::uint32_t>(total[l] < 0 ? -value : value);
    // What the group before made infinite stays so.
    before[l] = (before[l] & 0x7f800000) == 0x7f800000 ? before[l] : sum;
  }
  __builtin_memcpy(sums, before, sizeof before);
}

/// Where a factor or the accumulator is not finite: the group's sums are made of those alone.
template <std::uint32_t kGroup>
void add_specials(const std::uint32_t (*rows)[kLanes], const std::uint32_t (*columns)[16],
                  const float* before, float* sums) {
  for (std::uint32_t l = 0; l < kLanes; ++l) {
    bool special = is_special(std::bit_cast<std::uint32_t>(before[l]));
    float sum = special ? before[l] : 0.0f;
    for (std::uint32_t k = 0; k < kGroup; ++k) {
      const std::uint32_t x = rows[k][l], y = columns[k][l & 15];
      if (!is_special(x) && !is_special(y)) continue;
      special = true;
      sum += std::bit_cast<float>(x) * std::bit_cast<float>(y);
    }
    if (special) sums[l] = sum;
  }
}

// ---- one product
// -----------------------------------------------------------------------------------------------------

template <Type kType, std::uint32_t kK, bool kF16Sums>
void multiply(const Fragments& f, bool hardware) {
  constexpr std::uint32_t kPacked = kType == Type::tf32 ? 1 : 2;
  alignas(64) float sums[4][kLanes];
  std::uint32_t specials = 0;
  for (std::uint32_t v = 0; v < 4; ++v) {
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      const std::uint32_t bits = kF16Sums ? f16_to_f32(f.c[v / 2][l] >> (16 * (v & 1)) & 0xffff) : f.c[v][l];
      sums[v][l] = std::bit_cast<float>(bits);
      specials |= is_special(bits) ? 1 : 0;
    }
  }
  alignas(64) Spread<16, kK> operands;
  if (!hardware) {
    spread<16, kK, kPacked>(f, operands, to_f32<kType>, to_f32<kType>);
    for (std::uint32_t v = 0; v < 4; ++v) chain<kK>(operands.rows[v / 2], operands.columns[v & 1], sums[v]);
  } else {
    constexpr std::uint32_t kGroup = std::min(kK, kType == Type::tf32 ? 4u : 8u);
    for (std::uint32_t r = 0; r < kK / 2 / kPacked; ++r) {
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        for (std::uint32_t h = 0; h < kPacked; ++h)
          specials |= is_special(to_f32<kType>(f.a[r][l], h)) ? 1 : 0;
      }
    }
    for (std::uint32_t r = 0; r < kK / 4 / kPacked; ++r) {
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        for (std::uint32_t h = 0; h < kPacked; ++h)
          specials |= is_special(to_f32<kType>(f.b[r][l], h)) ? 1 : 0;
      }
    }
    spread<16, kK, kPacked>(f, operands, to_factor<kType>, to_factor<kType>);
    Spread<16, kK> values;
    if (specials != 0) spread<16, kK, kPacked>(f, values, to_f32<kType>, to_f32<kType>);
    for (std::uint32_t v = 0; v < 4; ++v) {
      for (std::uint32_t k = 0; k < kK; k += kGroup) {
        alignas(64) float before[kLanes];
        std::copy_n(sums[v], kLanes, before);
        for (std::uint32_t l = 0; l < kLanes; l += 16) {
          add_group<kGroup, kF16Sums>(&operands.rows[v / 2][k][l], kLanes, &operands.columns[v & 1][k],
                                      sums[v] + l);
        }
        if (specials != 0)
          add_specials<kGroup>(values.rows[v / 2] + k, values.columns[v & 1] + k, before, sums[v]);
      }
    }
  }
  if constexpr (kF16Sums) {
    for (std::uint32_t r = 0; r < 2; ++r) {
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        f.d[r][l] = f32_to_f16(std::bit_cast<std::uint32_t>(sums[2 * r][l])) |
                    f32_to_f16(std::bit_cast<std::uint32_t>(sums[2 * r + 1][l])) << 16;
      }
    }
  } else {
    for (std::uint32_t v = 0; v < 4; ++v) {
      for (std::uint32_t l = 0; l < kLanes; ++l) {
        const float sum = sums[v][l];
        f.d[v][l] = sum != sum ? 0x7fffffff : std::bit_cast<std::uint32_t>(sum);
      }
    }
  }
}

/// Exact sums of products; at most 32 * 255 * 255.
template <std::uint32_t kK>
[[gnu::noinline]] void add_products(const std::uint32_t (*rows)[kLanes], const std::uint32_t (*columns)[16],
                                    std::int32_t* sums) {
  alignas(64) std::int32_t sum[kLanes] = {};
#pragma GCC unroll 1
  for (std::uint32_t k = 0; k < kK; ++k) {
    for (std::uint32_t half = 0; half < kLanes; half += 16) {
      for (std::uint32_t l = 0; l < 16; ++l)
        sum[half + l] +=
            static_cast<std::int32_t>(rows[k][half + l]) * static_cast<std::int32_t>(columns[k][l]);
    }
  }
  for (std::uint32_t l = 0; l < kLanes; ++l) sums[l] = sum[l];
}

template <std::uint32_t kM, std::uint32_t kK>
void multiply_bytes(const Fragments& f, IntegerOptions options) {
  const auto take = [](bool is_signed) {
    // The byte moved to the top; back with its sign or without.
    return [is_signed](std::uint32_t word, std::uint32_t h) {
      const std::uint32_t top = word << (24 - 8 * h);
      return is_signed ? static_cast<std::uint32_t>(static_cast<std::int32_t>(top) >> 24) : top >> 24;
    };
  };
  Spread<kM, kK> operands;
  spread<kM, kK, 4>(f, operands, take(options.a_signed), take(options.b_signed));
  for (std::uint32_t v = 0; v < kM / 4; ++v) {
    alignas(64) std::int32_t sum[kLanes];
    add_products<kK>(operands.rows[v / 2], operands.columns[v & 1], sum);
    for (std::uint32_t l = 0; l < kLanes; ++l) {
      std::int64_t total = std::int64_t{sum[l]} + static_cast<std::int32_t>(f.c[v][l]);
      if (options.saturates)
        total = std::min<std::int64_t>(INT32_MAX, std::max<std::int64_t>(INT32_MIN, total));
      f.d[v][l] = static_cast<std::uint32_t>(total);
    }
  }
}

}  // namespace

void multiply_floats(const MatrixShape& s, const Fragments& f, bool hardware) {
  const bool half = s.accumulator == Type::f16;
  if (s.element == Type::tf32) {
    s.k == 8 ? multiply<Type::tf32, 8, false>(f, hardware) : multiply<Type::tf32, 4, false>(f, hardware);
  } else if (s.element == Type::bf16) {
    s.k == 16 ? multiply<Type::bf16, 16, false>(f, hardware) : multiply<Type::bf16, 8, false>(f, hardware);
  } else if (half) {
    s.k == 16 ? multiply<Type::f16, 16, true>(f, hardware) : multiply<Type::f16, 8, true>(f, hardware);
  } else {
    s.k == 16 ? multiply<Type::f16, 16, false>(f, hardware) : multiply<Type::f16, 8, false>(f, hardware);
  }
}

void multiply_integers(const MatrixShape& s, const Fragments& f, IntegerOptions options) {
  if (s.m == 8) {
    multiply_bytes<8, 16>(f, options);
  } else if (s.k == 16) {
    multiply_bytes<16, 16>(f, options);
  } else {
    multiply_bytes<16, 32>(f, options);
  }
}

}  // namespace softgpu
