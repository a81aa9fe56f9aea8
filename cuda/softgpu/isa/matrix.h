// The shapes of mma.sync that sm_80 has.
#pragma once

#include <array>
#include <cstdint>

#include "../machine/warp.h"

namespace softgpu {

struct MatrixShape {
  std::uint32_t m, n, k;
  ptx::Type element, accumulator;
  std::uint32_t packed;  ///< elements of A and B a register

  std::uint32_t a_registers() const { return m * k / kLanes / packed; }
  std::uint32_t b_registers() const { return k * n / kLanes / packed; }
  std::uint32_t c_registers() const { return m * n / kLanes / (accumulator == ptx::Type::f16 ? 2 : 1); }
};

/// s8 stands for s8 and u8.
inline constexpr std::array<MatrixShape, 11> kMatrixShapes{{
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
    {8, 8, 4, ptx::Type::f64, ptx::Type::f64, 1},
}};

/// Where the host has declared matrices: holds the fragments of A and B against them (fragments.cpp).
void check_declared_fragments(Warp& warp, const MatrixShape& shape, const std::uint32_t* a,
                              const std::uint32_t* b);

}  // namespace softgpu
