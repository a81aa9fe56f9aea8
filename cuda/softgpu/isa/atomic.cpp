// atom and red: the old value comes back, the new one is stored in one step.
//
// Lanes of a warp take their turns in lane order, under a seed from any lane on. On global memory the step is
// an atomic of the host, because blocks run on several of its threads.
#include <atomic>
#include <cmath>

#include "../machine/block.h"
#include "../memory/access.h"
#include "../memory/races.h"
#include "families.h"
#include "float16.h"
#include "float32.h"

namespace softgpu {

namespace {

using ptx::Type;

// Operations: new value from the old one and the operands. `global` is true for global memory.
struct Exchange {
  template <class T>
  static T apply(T, T b, T, bool) {
    return b;
  }
};
struct CompareAndSwap {
  template <class T>
  static T apply(T old, T b, T c, bool) {
    return old == b ? c : old;
  }
};
struct Add {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return static_cast<T>(old + b);
  }
};
struct And {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return old & b;
  }
};
struct Or {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return old | b;
  }
};
struct Xor {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return old ^ b;
  }
};
struct Min {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return b < old ? b : old;
  }
};
struct Max {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return b > old ? b : old;
  }
};
struct Increment {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return old >= b ? 0 : old + 1;
  }
};
struct Decrement {
  template <class T>
  static T apply(T old, T b, T, bool) {
    return old == 0 || old > b ? b : old - 1;
  }
};
/// On global memory subnormals are flushed, on shared memory not (from memory, as docs/softgpu.md says).
struct AddF32 {
  static std::uint32_t apply(std::uint32_t old, std::uint32_t b, std::uint32_t, bool global) {
    float x = std::bit_cast<float>(old), y = std::bit_cast<float>(b);
    if (global) x = flush(x), y = flush(y);
    float sum = x + y;
    if (global) sum = flush(sum);
    return std::isnan(sum) ? 0x7fffffffu : std::bit_cast<std::uint32_t>(sum);
  }
};
struct AddF64 {
  static std::uint64_t apply(std::uint64_t old, std::uint64_t b, std::uint64_t, bool) {
    const double sum = std::bit_cast<double>(old) + std::bit_cast<double>(b);
    return std::isnan(sum) ? 0x7ff8000000000000ull : std::bit_cast<std::uint64_t>(sum);
  }
};
struct AddF16 {
  static std::uint16_t apply(std::uint16_t old, std::uint16_t b, std::uint16_t, bool) {
    return f16_from(f16_to_double(old) + f16_to_double(b));
  }
};
struct AddBf16 {
  static std::uint16_t apply(std::uint16_t old, std::uint16_t b, std::uint16_t, bool) {
    return bf16_from_sum(bf16_to_float(old), bf16_to_float(b));
  }
};
template <class Half>
struct Pair {
  static std::uint32_t apply(std::uint32_t old, std::uint32_t b, std::uint32_t, bool global) {
    const std::uint16_t low =
        Half::apply(static_cast<std::uint16_t>(old), static_cast<std::uint16_t>(b), 0, global);
    const std::uint16_t high =
        Half::apply(static_cast<std::uint16_t>(old >> 16), static_cast<std::uint16_t>(b >> 16), 0, global);
    return static_cast<std::uint32_t>(high) << 16 | low;
  }
};

/// flags: 1 generic, 2 shared, 4 wide base, 8 acquires, 16 releases; d may be none (red).
template <class T, class Operation>
void atomic(Warp& warp, const Op& op) {
  Access access;
  access.kind = Access::Kind::atomic;
  access.bytes = sizeof(T);
  access.synchronises = true;
  access.acquires = (op.flags & 8) != 0;
  access.releases = (op.flags & 16) != 0;
  access.window = (op.flags & 2) != 0 ? Window::shared : Window::global;
  const T* b = warp.lanes<T>(op.b);
  const T* c = op.c != kNoSlot ? warp.lanes<T>(op.c) : b;
  const std::uint32_t operands = warp.defined(op.b) & (op.c != kNoSlot ? warp.defined(op.c) : ~0u);
  std::array<T, kLanes> old{};
  std::uint32_t known = 0, rest = warp.mask;
  bool changed = false;
  do {
    rest = begin_access(warp, access, op.a, (op.flags & 4) != 0, op.immediate, (op.flags & 1) != 0, rest);
    if (access.window == Window::local) {
      warp.fault(Check::address_space, static_cast<std::uint32_t>(std::countr_zero(access.lanes)),
                 "an atomic on local memory", 717);
    }
    Located located;
    locate(warp, access, located);
    const std::uint32_t defined = defined_lanes(warp, access, located);
    check_races(warp, access);
    count_access(warp, access);
    const bool global = access.window == Window::global;
    const std::uint32_t start = warp.block().settings().seed != 0 ? warp.block().random().below(kLanes) : 0;
    for (std::uint32_t k = 0; k < kLanes; ++k) {
      const std::uint32_t i = (start + k) % kLanes;
      if ((access.lanes >> i & 1) == 0) continue;
      std::atomic_ref<T> word(*reinterpret_cast<T*>(located.bytes[i]));
      T before = word.load(std::memory_order_relaxed);
      T after = Operation::apply(before, b[i], c[i], global);
      while (!word.compare_exchange_weak(before, after)) after = Operation::apply(before, b[i], c[i], global);
      old[i] = before;
      changed = changed || before != after;
    }
    acquire_order(warp, access);
    known |= defined & access.lanes;
    // An atomic on a value nobody wrote leaves one nobody wrote.
    mark_written(warp, access, located, defined & operands);
  } while (rest != 0);
  if (changed) ++warp.block().progress;
  if (op.d == kNoSlot) return;
  T* d = warp.lanes<T>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = old[i];
  }
  warp.define(op.d, known);
}

template <class Operation>
Handler by_width(std::uint32_t bytes) {
  return bytes == 8   ? atomic<std::uint64_t, Operation>
         : bytes == 4 ? atomic<std::uint32_t, Operation>
                      : nullptr;
}

template <class Operation>
Handler ordered(Type type) {
  switch (type) {
    case Type::u32:
      return atomic<std::uint32_t, Operation>;
    case Type::u64:
      return atomic<std::uint64_t, Operation>;
    case Type::s32:
      return atomic<std::int32_t, Operation>;
    case Type::s64:
      return atomic<std::int64_t, Operation>;
    default:
      return nullptr;
  }
}

Handler handler(const Encoder& e, Type type) {
  const std::uint32_t bytes = ptx::bytes_of(type);
  if (e.has("exch")) return bytes == 2 ? atomic<std::uint16_t, Exchange> : by_width<Exchange>(bytes);
  if (e.has("cas"))
    return bytes == 2 ? atomic<std::uint16_t, CompareAndSwap> : by_width<CompareAndSwap>(bytes);
  if (e.has("and")) return by_width<And>(bytes);
  if (e.has("or")) return by_width<Or>(bytes);
  if (e.has("xor")) return by_width<Xor>(bytes);
  if (e.has("min")) return ordered<Min>(type);
  if (e.has("max")) return ordered<Max>(type);
  if (e.has("inc")) return type == Type::u32 ? atomic<std::uint32_t, Increment> : nullptr;
  if (e.has("dec")) return type == Type::u32 ? atomic<std::uint32_t, Decrement> : nullptr;
  if (!e.has("add")) return nullptr;
  switch (type) {
    case Type::f32:
      return atomic<std::uint32_t, AddF32>;
    case Type::f64:
      return atomic<std::uint64_t, AddF64>;
    case Type::f16:
      return atomic<std::uint16_t, AddF16>;
    case Type::bf16:
      return atomic<std::uint16_t, AddBf16>;
    case Type::f16x2:
      return atomic<std::uint32_t, Pair<AddF16>>;
    case Type::bf16x2:
      return atomic<std::uint32_t, Pair<AddBf16>>;
    default:
      return by_width<Add>(bytes);
  }
}

Op encode(Encoder& e) {
  const bool returns = e.instruction().opcode == "atom";
  const Type type = e.type();
  Op op;
  op.klass = Class::atomic;
  op.execute = handler(e, type);
  if (op.execute == nullptr || e.has("v2") || e.has("v4") || e.has("v8")) e.unsupported();
  const bool shared = e.has("shared") || e.has("shared::cta"), global = e.has("global");
  std::size_t at = 0;
  if (returns) op.d = e.write(at++, type);
  const Address address = e.address(e.operand(at++), shared   ? ptx::Space::shared
                                                     : global ? ptx::Space::global
                                                              : ptx::Space::generic);
  op.a = address.base;
  op.immediate = address.offset;
  op.b = e.read(at++, type);
  if (e.has("cas")) op.c = e.read(at++, type);
  const bool acquires = e.has("acquire") || e.has("acq_rel"), releases = e.has("release") || e.has("acq_rel");
  op.flags = static_cast<std::uint8_t>((!shared && !global ? 1 : 0) | (shared ? 2 : 0) |
                                       (address.wide ? 4 : 0) | (acquires ? 8 : 0) | (releases ? 16 : 0));
  return op;
}

constexpr Opcode kOpcodes[] = {{"atom", encode}, {"red", encode}};

}  // namespace

std::span<const Opcode> atomic_opcodes() { return kOpcodes; }

}  // namespace softgpu
