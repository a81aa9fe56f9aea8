// The arithmetic of a tensor core: D = A B + C for one m16n8kK (or m8n8kK) product, in the layout of its
// fragments.
//
// What it costs: m n k multiply-adds. The two operands are first spread so that lane 4 g + q of every vector
// holds what its own result needs; then all 32 lanes compute their results at once.
#pragma once

#include <cstdint>

#include "matrix.h"

namespace softgpu {

/// Registers of all lanes, in the order of the instruction's operands. d may be c's but no other's.
struct Fragments {
  const std::uint32_t* a[4];
  const std::uint32_t* b[4];
  const std::uint32_t* c[4];
  std::uint32_t* d[4];
};

struct IntegerOptions {
  bool a_signed = true, b_signed = true, saturates = false;
};

/// For f16, bf16 and tf32. Two ways to add up:
///  - a chain of f32 fused multiply-adds along k, rounded to f16 at its end where D is f16 (our own choice);
///  - `hardware`: A100's, bit for bit as far as it is published. Groups of 8 products (tf32: 4) follow each
///    other along k; in a group the products, exact, and the accumulator are aligned to the greatest exponent
///    (of a product the sum of its factors' exponents, a subnormal having its format's least; zeros do not
///    count; -132 at least), cut off beyond 24 fraction bits, added exactly, and rounded once: toward zero to
///    f32, to nearest even to f16. Beyond the range is infinity, NaN is 0x7fffffff or 0x7fff, a zero is +0.
///    Sources: Fasi, Higham, Mikaitis and Pranesh, "Numerical behavior of NVIDIA tensor cores", PeerJ CS 2021
///    (one extra bit, truncation, one normalisation at the end, nearest even to f16, subnormals); Xie, Wang,
///    Yang and Yang, "MMA-Sim", arXiv 2511.10909 (group sizes and order, 24 bits, exponents of subnormals,
///    NaN). From neither: the sign of a zero.
void multiply_floats(const MatrixShape& shape, const Fragments& fragments, bool hardware);

/// For s8 and u8: exact products, added and wrapped (or clamped) to s32.
void multiply_integers(const MatrixShape& shape, const Fragments& fragments, IntegerOptions options);

}  // namespace softgpu
