// A decoded instruction: a handler and the slots it works on.
//
// A warp's registers are slots of 128 bytes: a 32-bit register is u32[32] in one, a 16-bit register u16[32]
// in the first half of one, a 64-bit register u64[32] in two, a predicate a mask of 32 lanes in the first
// word of one. Immediates, addresses of symbols and special registers are read-only slots, so every operand
// is a slot.
#pragma once

#include <cstdint>

namespace softgpu {

using Slot = std::uint32_t;
inline constexpr std::uint32_t kLanes = 32;
inline constexpr std::uint32_t kSlotBytes = 128;
inline constexpr Slot kNoSlot = 0xffffffff;

class Warp;
struct Op;
using Handler = void (*)(Warp&, const Op&);

/// Classes of instructions, for counters.
enum class Class : std::uint8_t {
  move,
  integer,
  f32,
  f64,
  f16,
  special,
  convert,
  predicate,
  control,
  barrier,
  shuffle,
  global_load,
  global_store,
  shared_load,
  shared_store,
  local,
  constant,
  atomic,
  async_copy,
  matrix,
  other,
};
inline constexpr std::uint32_t kClasses = 21;
const char* name_of(Class klass);

struct Op {
  Handler execute = nullptr;
  Slot d = kNoSlot, a = kNoSlot, b = kNoSlot, c = kNoSlot;  ///< destination, sources
  std::uint64_t immediate = 0;  ///< offset, branch target, rounding ... as the handler defines
  Slot guard = kNoSlot;         ///< predicate slot
  bool guard_negated = false;
  Class klass = Class::other;
  std::uint8_t flops = 0;   ///< floating-point operations a lane, for counters
  std::uint8_t flags = 0;   ///< as the handler defines
  std::uint32_t list = 0;   ///< first of further slots in Function::lists
  std::uint32_t index = 0;  ///< of this instruction in its function
  /// Carries the origins of values on (memory/origins.h), before `execute` runs; nullptr: what is written has
  /// none.
  Handler trace = nullptr;
};

/// Registers the hardware fills.
enum class Special : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_lt,
  lanemask_le,
  lanemask_gt,
  lanemask_ge,
  dynamic_smem_size,
  total_smem_size,
  envreg1,
  envreg2,
  local_address,  ///< of a .local variable or a call's parameter: the frame's base + offset
};

}  // namespace softgpu
