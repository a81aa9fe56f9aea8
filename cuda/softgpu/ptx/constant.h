// Constant expressions of PTX (manual section 4.5): 64-bit integers, signed or unsigned, and single float
// literals.
#pragma once

#include <cstdint>

#include "lexer.h"

namespace softgpu::ptx {

struct Constant {
  enum class Kind : std::uint8_t { integer, float32, float64 };
  Kind kind = Kind::integer;
  bool is_unsigned = false;
  std::uint64_t bits = 0;  ///< two's complement, or the float's bits
};

/// Whether a constant may begin with this token.
bool begins_constant(const Token& token);

/// The whole expression. Throws SyntaxError, also for a division by zero.
Constant parse_constant(TokenReader& reader);

/// The sum of what follows a symbol or register: {+|- product}; 0 if neither sign comes next.
std::int64_t parse_offset(TokenReader& reader);

/// The bits of `constant` stored as a value of `type`: floats are converted for f32 and f64, integers cut.
std::uint64_t stored_bits(const Constant& constant, Type type);

}  // namespace softgpu::ptx
