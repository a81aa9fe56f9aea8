// The families of instructions. One file each; opcode_named (opcodes.cpp) searches them all.
#pragma once

#include <span>

#include "../machine/encoder.h"

namespace softgpu {

/// An Op of a class with its handler; slots follow.
inline Op make_op(Class klass, Handler handler) {
  Op op;
  op.klass = klass;
  op.execute = handler;
  return op;
}

std::span<const Opcode> move_opcodes();  // mov, cvta, isspacep, selp, slct, prmt, activemask: move.cpp
std::span<const Opcode>
integer_opcodes();                      // add, sub, mul, mad, div, rem, min, sad, addc, dp4a ...: integer.cpp
std::span<const Opcode> bit_opcodes();  // and, or, xor, not, lop3, shl, shr, bfe, popc ...: bits.cpp
std::span<const Opcode> compare_opcodes();  // setp, set: compare.cpp
std::span<const Opcode> convert_opcodes();  // cvt: convert.cpp
std::span<const Opcode> special_opcodes();  // rcp, rsqrt, sqrt, ex2, lg2, sin, cos, tanh: special.cpp
std::span<const Opcode>
control_opcodes();  // bra, brx, call, ret, exit, trap, bar, barrier, membar, fence ...: control.cpp
std::span<const Opcode> memory_opcodes();      // ld, st, ldu, prefetch ...: memory.cpp
std::span<const Opcode> atomic_opcodes();      // atom, red: atomic.cpp
std::span<const Opcode> async_copy_opcodes();  // cp: async_copy.cpp
std::span<const Opcode> mbarrier_opcodes();    // mbarrier: mbarrier.cpp
std::span<const Opcode> shuffle_opcodes();     // shfl, vote, match, redux, activemask: shuffle.cpp
std::span<const Opcode> matrix_opcodes();      // mma, ldmatrix, movmatrix: matrix.cpp
std::span<const Opcode> wmma_opcodes();        // wmma: wmma.cpp

/// Opcodes shared by number families (add, sub, mul, fma, neg, abs, min, max ...) are dispatched on their
/// type by integer.cpp's, floating.cpp's and half.cpp's encoders.
Op encode_floating(Encoder&);  // f32, f64: floating.cpp
Op encode_half(Encoder&);      // f16, f16x2, bf16, bf16x2: half.cpp

}  // namespace softgpu
