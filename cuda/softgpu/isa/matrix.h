// The shapes of mma.sync that sm_80 has, and which lane holds which element of their fragments.
//
// Layouts are the manual's ("Matrix Fragments for mma.m16n8k16" and its neighbours), with g = lane / 4 and
// q = lane % 4; matrix_test.cpp holds them against the tables of CUTLASS.
#pragma once

#include <array>
#include <cstdint>

#include "../machine/warp.h"

namespace softgpu {

struct MatrixShape {
  std::uint32_t m, n, k;
  ptx::Type element, accumulator;  ///< element: s8 stands for s8 and u8
  std::uint32_t packed;            ///< elements of A and B a register

  constexpr std::uint32_t a_registers() const { return m * k / kLanes / packed; }
  constexpr std::uint32_t b_registers() const { return k * n / kLanes / packed; }
  /// Elements of C and D a register.
  constexpr std::uint32_t c_packed() const { return accumulator == ptx::Type::f16 ? 2 : 1; }
  constexpr std::uint32_t c_registers() const { return m * n / kLanes / c_packed(); }
};

inline constexpr std::array<MatrixShape, 12> kMatrixShapes{{
    {16, 8, 16, ptx::Type::f16, ptx::Type::f32, 2},
    {16, 8, 16, ptx::Type::bf16, ptx::Type::f32, 2},
    {16, 8, 16, ptx::Type::f16, ptx::Type::f16, 2},
    {16, 8, 8, ptx::Type::f16, ptx::Type::f32, 2},
    {16, 8, 8, ptx::Type::bf16, ptx::Type::f32, 2},
    {16, 8, 8, ptx::Type::f16, ptx::Type::f16, 2},
    {16, 8, 8, ptx::Type::tf32, ptx::Type::f32, 1},
    {16, 8, 4, ptx::Type::tf32, ptx::Type::f32, 1},
    {16, 8, 16, ptx::Type::s8, ptx::Type::s32, 4},
    {16, 8, 32, ptx::Type::s8, ptx::Type::s32, 4},
    {8, 8, 16, ptx::Type::s8, ptx::Type::s32, 4},
    {8, 8, 4, ptx::Type::f64, ptx::Type::f64, 1},
}};

/// Place of an element in its matrix.
struct Element {
  std::uint32_t row, column;
  friend bool operator==(const Element&, const Element&) = default;
};
/// Where element e of a lane lies; a register holds `packed` elements, low bits first, so e = packed r + h.
using Layout = Element (*)(const MatrixShape&, std::uint32_t lane, std::uint32_t e);

/// A: rows m, columns k.
constexpr Element a_element(const MatrixShape& s, std::uint32_t lane, std::uint32_t e) {
  const std::uint32_t g = lane / 4, q = lane % 4, r = e / s.packed, h = e % s.packed;
  const std::uint32_t column = s.packed * q + h;
  if (s.m == 8) return {g, column};
  return {g + 8 * (r & 1), column + 4 * s.packed * (r >> 1)};
}
/// B: rows k, columns n.
constexpr Element b_element(const MatrixShape& s, std::uint32_t lane, std::uint32_t e) {
  const std::uint32_t g = lane / 4, q = lane % 4, r = e / s.packed, h = e % s.packed;
  return {s.packed * q + h + 4 * s.packed * r, g};
}
/// C and D: rows m, columns n.
constexpr Element c_element(const MatrixShape&, std::uint32_t lane, std::uint32_t e) {
  const std::uint32_t g = lane / 4, q = lane % 4;
  return {g + 8 * (e >> 1), 2 * q + (e & 1)};
}

/// Slots of the fragments of one product.
struct FragmentSlots {
  const Slot *a, *b, *c, *d;
};

/// Where the host has declared matrices: holds A and B against them and marks D with the element it
/// accumulates (fragments.cpp).
void check_declared_fragments(Warp& warp, const MatrixShape& shape, const FragmentSlots& slots);

/// Waits until all 32 lanes are at a `.sync.aligned` instruction; reports lanes that have exited. True if it
/// is to be executed now. `everyone`: slot of a full member mask.
bool all_together(Warp& warp, const Op& op, Slot everyone);

/// One product of a warp: checks its fragments, multiplies, defines D.
void multiply_fragments(Warp& warp, const MatrixShape& shape, const FragmentSlots& slots,
                        std::uint8_t integer_flags);
/// Bits of integer_flags.
inline constexpr std::uint8_t kSignedA = 1, kSignedB = 2, kSaturates = 4;

}  // namespace softgpu
