// cp.async: copies from global to shared memory that go on while the thread does.
//
// A copy is made at the latest moment that the manual allows, at the wait for its group; under a seed also at
// once. Until the wait its bytes are in flight: whoever touches them is reported. What the wait makes visible
// it makes visible to the thread that waits; others need a barrier after it, which the race check sees to.
#include <algorithm>

#include "../machine/block.h"
#include "../memory/access.h"
#include "../memory/races.h"
#include "async_copy.h"
#include "families.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

struct Copy {
  std::uint32_t lane;
  std::uint32_t group;    ///< of its lane: copies committed later have greater numbers
  std::uint32_t ordinal;  ///< among its lane's copies
  std::uint32_t place;    ///< of its instruction: Warp::code_place
  std::uint64_t to;       ///< offset in shared memory
  std::uint64_t from;     ///< device address
  std::uint32_t bytes;    ///< to write
  std::uint32_t taken;    ///< to read; the rest is zero
  bool made;              ///< at once: only its visibility is pending
  std::array<std::byte, 16> data;
  std::uint8_t defined;
};

struct Pending {
  std::vector<Copy> copies;
  std::array<std::uint32_t, kLanes> groups{};  ///< committed so far
  std::array<std::uint32_t, kLanes> issued{};  ///< copies so far
};

Pending& pending(Warp& warp) {
  if (!warp.async_copies) warp.async_copies = std::make_shared<Pending>();
  return *static_cast<Pending*>(warp.async_copies.get());
}

void fetch(Warp& warp, Copy& copy) {
  DeviceMemory& memory = warp.block().device().memory;
  copy.data.fill(std::byte{0});
  copy.defined = kDefined;
  if (copy.taken != 0) {
    std::memcpy(copy.data.data(), memory.bytes(copy.from), copy.taken);
    const std::uint8_t* defined = memory.defined(copy.from);
    for (std::uint32_t i = 0; i < copy.taken; ++i) copy.defined &= defined[i];
  }
}

/// flags: bytes; immediate: offset to; a: to, b: from, c: source size or predicate, list {from offset low,
/// high, mode}.
enum Size : std::uint32_t { kWhole = 0, kSourceSize = 1, kIgnore = 2 };

void copy(Warp& warp, const Op& op) {
  const std::uint32_t* more = warp.list(op);
  const std::uint64_t from_offset = more[0] | std::uint64_t{more[1]} << 32;
  const std::uint32_t mode = more[2], bytes = op.flags;
  Block& block = warp.block();
  Access to, from;
  to.kind = Access::Kind::store;
  to.window = Window::shared;
  to.bytes = bytes;
  begin_access(warp, to, op.a, more[3] != 0, op.immediate, false, warp.mask);
  for (std::uint64_t& each : to.address) each = offset_in_window(each);
  from.window = Window::global;
  from.bytes = bytes;
  std::array<std::uint32_t, kLanes> taken;
  taken.fill(bytes);
  std::uint32_t reads = warp.mask;
  if (mode == kSourceSize) {
    warp.check_defined(warp.defined(op.c), "cp.async's source size");
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      taken[i] = warp.lanes<std::uint32_t>(op.c)[i];
      if ((warp.mask >> i & 1) != 0 && taken[i] > bytes) {
        warp.fault(Check::async_copy, i,
                   "cp.async reads " + std::to_string(taken[i]) + " bytes to write " + std::to_string(bytes));
      }
      if (taken[i] == 0) reads &= ~(1u << i);
    }
  } else if (mode == kIgnore) {
    warp.check_defined(warp.defined(op.c), "cp.async's predicate");
    reads &= ~warp.predicate(op.c);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((warp.predicate(op.c) >> i & 1) != 0) taken[i] = 0;
    }
  }
  Located target;
  locate(warp, to, target);
  check_races(warp, to);
  count_access(warp, to);
  if (reads != 0) {
    begin_access(warp, from, op.b, true, from_offset, false, reads);
    // Each lane's own number of bytes is checked below; alignment is that of the whole copy.
    Access first = from;
    Located source;
    first.bytes = 1;
    locate(warp, first, source);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((reads >> i & 1) == 0) continue;
      if (from.address[i] % bytes != 0) {
        warp.fault(Check::alignment, i,
                   "cp.async of " + std::to_string(bytes) + " bytes from a misaligned address", 716);
      }
      if (block.device().memory.find(from.address[i], taken[i]) == nullptr) {
        warp.fault(Check::bounds, i,
                   "cp.async reads " + std::to_string(taken[i]) + " bytes beyond " +
                       block.device().memory.describe(from.address[i]),
                   700);
      }
    }
    check_races(warp, from);
    count_access(warp, from);
  }
  Pending& state = pending(warp);
  const bool at_once = block.settings().seed != 0 && (block.random().next() & 1) != 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    Copy each{i,
              state.groups[i],
              state.issued[i]++,
              warp.code_place(),
              to.address[i],
              from.address[i],
              bytes,
              (reads >> i & 1) != 0 ? taken[i] : 0,
              at_once,
              {},
              0};
    if (at_once) {
      fetch(warp, each);
      std::memcpy(target.bytes[i], each.data.data(), bytes);
    }
    state.copies.push_back(each);
    if (warp.traces_origins()) {  // nobody may look before the bytes are there
      std::array<Origin, 16> origins{};
      block.origins().read(Window::global, each.from, each.taken, origins.data());
      block.origins().write(Window::shared, each.to, bytes, origins.data());
    }
    if (!block.settings().checks) continue;
    check_plain(warp, to, target, i);
    if (std::find(target.defined[i], target.defined[i] + bytes, kInFlight) != target.defined[i] + bytes) {
      warp.report(Check::async_copy, i, "two cp.async to the same bytes without a wait in between");
    }
    std::memset(target.defined[i], kInFlight, bytes);
  }
}

Op encode_copy(Encoder& e) {
  Op op;
  op.execute = copy;
  op.klass = Class::async_copy;
  const Address to = e.address(e.operand(0), ptx::Space::shared),
                from = e.address(e.operand(1), ptx::Space::global);
  op.a = to.base;
  op.immediate = to.offset;
  op.b = from.base;
  if (from.base != kNoSlot && !from.wide) e.unsupported("a 32-bit source address");
  op.flags = static_cast<std::uint8_t>(e.constant(e.operand(2)));
  if ((op.flags != 4 && op.flags != 8 && op.flags != 16) || (e.has("cg") && op.flags != 16)) {
    e.unsupported("a copy of " + std::to_string(op.flags) + " bytes");
  }
  std::uint32_t mode = kWhole;
  if (e.operands() > 3) {
    const Operand& size = e.operand(3);
    const bool predicate =
        size.kind == Operand::Kind::reg && e.source().registers[size.index].type == Type::pred;
    const bool policy = e.has("L2::cache_hint") && e.register_bytes(size) == 8;
    if (!policy) {
      mode = predicate ? kIgnore : kSourceSize;
      op.c = e.read(size, predicate ? Type::pred : Type::u32);
    }
  }
  op.list = e.list({static_cast<std::uint32_t>(from.offset), static_cast<std::uint32_t>(from.offset >> 32),
                    mode, to.wide ? 1u : 0u});
  return op;
}

void commit(Warp& warp, const Op&) {
  Pending& state = pending(warp);
  for (std::uint32_t i = 0; i < kLanes; ++i) state.groups[i] += warp.mask >> i & 1;
}

/// Makes a copy's bytes visible; from here on they are written by its thread.
void land(Warp& warp, Copy& each) {
  Block& block = warp.block();
  if (!each.made) {
    fetch(warp, each);
    std::memcpy(block.shared(each.to), each.data.data(), each.bytes);
  }
  if (block.settings().checks) std::memset(block.shared_defined(each.to), each.defined, each.bytes);
  Access written;
  written.kind = Access::Kind::store;
  written.window = Window::shared;
  written.bytes = each.bytes;
  written.lanes = 1u << each.lane;
  written.address[each.lane] = each.to;
  written.place = each.place;
  check_races(warp, written);
  ++block.progress;
}

/// Completes the copies of the mask's lanes but for the `op.immediate` newest groups; all, committed or not,
/// when `flags` is set.
void wait(Warp& warp, const Op& op) {
  Pending& state = pending(warp);
  std::vector<Copy> left;
  for (Copy& each : state.copies) {
    const bool mine = (warp.mask >> each.lane & 1) != 0;
    const bool due = op.flags != 0 || std::uint64_t{each.group} + op.immediate < state.groups[each.lane];
    if (!mine || !due) {
      left.push_back(each);
      continue;
    }
    land(warp, each);
  }
  state.copies = std::move(left);
}

Op encode_cp(Encoder& e) {
  if (!e.has("async") || e.has("bulk")) e.unsupported();
  if (e.has("mbarrier")) return encode_arrive_after_copies(e);
  Op op;
  op.klass = Class::async_copy;
  if (e.has("commit_group")) {
    op.execute = commit;
  } else if (e.has("wait_group")) {
    op.execute = wait;
    op.immediate = e.constant(e.operand(0));
  } else if (e.has("wait_all")) {
    op.execute = wait;
    op.flags = 1;
  } else {
    return encode_copy(e);
  }
  return op;
}

constexpr Opcode kOpcodes[] = {{"cp", encode_cp}};

}  // namespace

std::span<const Opcode> async_copy_opcodes() { return kOpcodes; }

std::uint32_t copies_issued(Warp& warp, std::uint32_t lane) { return pending(warp).issued[lane]; }

void land_copies(Warp& warp, std::uint32_t lane, std::uint32_t count) {
  std::vector<Copy>& copies = pending(warp).copies;
  for (Copy& each : copies) {
    if (each.lane == lane && each.ordinal < count) land(warp, each);
  }
  std::erase_if(copies, [&](const Copy& each) { return each.lane == lane && each.ordinal < count; });
}

}  // namespace softgpu
