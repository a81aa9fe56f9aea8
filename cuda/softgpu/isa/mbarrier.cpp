// mbarrier and cp.async.mbarrier.arrive as of sm_80: split arrive and wait on a word of shared memory.
//
// The opaque word and the state that an arrival returns have one layout, ours: pending arrivals of the phase
// in bits 0 to 19, arrivals expected of the next in 20 to 39, the phase's number in 40 to 63. A test is true
// of the phase before the current one. Arrivals that wait for copies come at the latest moment, when a test
// finds that nothing else is missing; under a seed also at once.
//
// For the races an arrival releases what its lane did before, a test that is true acquires what the arrivals
// of the completed phase released. On the word itself all instructions but init and inval count as reads, so
// they never race with each other; init and inval are stores, which something else must order.
#include <algorithm>
#include <utility>

#include "../machine/block.h"
#include "../memory/access.h"
#include "../memory/races.h"
#include "async_copy.h"
#include "families.h"

namespace softgpu {

namespace {

using ptx::Type;

constexpr std::uint32_t kMostArrivals = (1u << 20) - 1;
constexpr std::uint32_t kPhases = 1u << 24;

struct State {
  std::uint32_t pending, expected, phase;

  static State of(std::uint64_t bits) {
    return {static_cast<std::uint32_t>(bits & kMostArrivals),
            static_cast<std::uint32_t>(bits >> 20 & kMostArrivals), static_cast<std::uint32_t>(bits >> 40)};
  }
  std::uint64_t bits() const { return pending | std::uint64_t{expected} << 20 | std::uint64_t{phase} << 40; }
};

State read(Block& block, std::uint64_t offset) {
  std::uint64_t bits;
  std::memcpy(&bits, block.shared(offset), sizeof bits);
  return State::of(bits);
}

void write(Block& block, std::uint64_t offset, const State& state) {
  const std::uint64_t bits = state.bits();
  std::memcpy(block.shared(offset), &bits, sizeof bits);
}

enum Flag : std::uint8_t {
  kGeneric = 1,
  kWide = 2,
  kDrop = 4,
  kNoComplete = 8,
  kParity = 16,
  kNoIncrement = 32
};

bool has(const Op& op, Flag flag) { return (op.flags & flag) != 0; }

std::string at_byte(std::uint64_t offset) {
  return " at byte " + std::to_string(offset) + " of shared memory";
}

/// Where the lanes' mbarriers lie: offsets in shared memory.
std::array<std::uint64_t, kLanes> find(Warp& warp, const Op& op, Access::Kind kind) {
  Access access;
  access.kind = kind;
  access.window = Window::shared;
  access.bytes = 8;
  const std::uint32_t elsewhere =
      begin_access(warp, access, op.a, has(op, kWide), op.immediate, has(op, kGeneric), warp.mask);
  if (access.window != Window::shared || elsewhere != 0) {
    const std::uint32_t lanes = access.window != Window::shared ? access.lanes : elsewhere;
    warp.fault(Check::address_space, static_cast<std::uint32_t>(std::countr_zero(lanes)),
               "an mbarrier outside shared memory", 717);
  }
  Located located;
  locate(warp, access, located);
  check_races(warp, access);
  return access.address;
}

Mbarrier& valid(Warp& warp, std::uint32_t lane, std::uint64_t offset) {
  const auto found = warp.block().mbarriers.find(offset);
  if (found == warp.block().mbarriers.end()) {
    warp.fault(Check::barrier, lane,
               "no mbarrier" + at_byte(offset) + ": mbarrier.init, and a barrier after it, come first");
  }
  return found->second;
}

void check_count(Warp& warp, std::uint32_t lane, std::uint32_t count) {
  if (count != 0 && count <= kMostArrivals) return;
  warp.fault(Check::barrier, lane,
             "an mbarrier's count of " + std::to_string(count) + "; it must be 1 to " +
                 std::to_string(kMostArrivals));
}

void initialise(Warp& warp, const Op& op) {
  Block& block = warp.block();
  const std::uint32_t* count = warp.lanes<std::uint32_t>(op.b);
  warp.check_defined(warp.defined(op.b), "an mbarrier's count");
  const auto offsets = find(warp, op, Access::Kind::store);
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const std::uint64_t offset = offsets[lane];
    check_count(warp, lane, count[lane]);
    const auto after = block.mbarriers.upper_bound(offset + 7);
    if (after != block.mbarriers.begin() && std::prev(after)->first + 8 > offset) {
      warp.fault(Check::barrier, lane,
                 "mbarrier.init of a valid mbarrier" + at_byte(offset) + ": mbarrier.inval comes first");
    }
    block.mbarriers[offset] = {};
    write(block, offset, {count[lane], count[lane], 0});
    std::memset(block.shared_defined(offset), kMbarrier, 8);
  }
  ++block.progress;
}

void invalidate(Warp& warp, const Op& op) {
  Block& block = warp.block();
  const auto offsets = find(warp, op, Access::Kind::store);
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    if (!valid(warp, lane, offsets[lane]).under_way.empty()) {
      warp.fault(Check::barrier, lane,
                 "mbarrier.inval" + at_byte(offsets[lane]) +
                     " while arrivals of cp.async.mbarrier.arrive are under way: wait for their phase first");
    }
    block.mbarriers.erase(offsets[lane]);
    std::memset(block.shared_defined(offsets[lane]), kUndefined, 8);
  }
}

/// `warp` and `lane` are who causes it, to be named in a finding.
void arrive_on(Warp& warp, std::uint32_t lane, std::uint64_t offset, Mbarrier& mbarrier, std::uint32_t count,
               bool drops, bool may_complete) {
  State state = read(warp.block(), offset);
  if (count > state.pending) {
    warp.fault(Check::barrier, lane,
               std::to_string(count) + (count == 1 ? " arrival" : " arrivals") + " at the mbarrier" +
                   at_byte(offset) + ", which expects " + std::to_string(state.pending) + " more in phase " +
                   std::to_string(state.phase));
  }
  state.pending -= count;
  if (drops) state.expected -= std::min(state.expected, count);
  if (state.pending == 0) {
    if (!may_complete) {
      warp.fault(Check::barrier, lane,
                 "an arrival with .noComplete completes phase " + std::to_string(state.phase) +
                     " of the mbarrier" + at_byte(offset));
    }
    state.pending = state.expected;
    state.phase = (state.phase + 1) % kPhases;
    std::swap(mbarrier.completed, mbarrier.arriving);
    mbarrier.arriving.clear();
  }
  write(warp.block(), offset, state);
  ++warp.block().progress;
}

/// What a lane did before `epoch`, and what its warp knows of others, is released by its arrival.
void release(Warp& warp, std::uint32_t lane, Mbarrier& mbarrier, std::uint32_t epoch) {
  const Block& block = warp.block();
  mbarrier.arriving.add(warp.index(), 1u << lane, epoch);
  if (block.known_epochs.empty()) return;
  for (std::uint32_t a = 0; a < block.warps(); ++a) {
    const std::uint32_t known = block.known_epochs[a * block.warps() + warp.index()];
    if (a != warp.index() && known != 0) mbarrier.arriving.add(a, ~0u, known);
  }
}

/// The lane has seen the phase complete.
void acquire(Warp& warp, std::uint32_t lane, const Mbarrier& mbarrier) {
  const PhaseOrder& order = mbarrier.completed;
  for (std::uint32_t a = 0; a < order.epochs.size(); ++a) {
    if (order.epochs[a] == 0) continue;
    if (a != warp.index()) {
      warp.block().know(a, warp.index(), order.epochs[a]);
    } else {
      warp.part_epoch[lane] = std::max(warp.part_epoch[lane], order.epochs[a]);
      warp.part_lanes[lane] |= order.lanes[a];
    }
  }
}

/// d: state; b: count.
void arrive(Warp& warp, const Op& op) {
  Block& block = warp.block();
  const std::uint32_t* count = warp.lanes<std::uint32_t>(op.b);
  warp.check_defined(warp.defined(op.b), "an mbarrier's count");
  const auto offsets = find(warp, op, Access::Kind::load);
  std::uint64_t* states = warp.lanes<std::uint64_t>(op.d);
  const std::uint32_t epoch = block.next_epoch();
  const std::uint32_t first = block.settings().seed != 0 ? block.random().below(kLanes) : 0;
  for (std::uint32_t k = 0; k < kLanes; ++k) {
    const std::uint32_t lane = (first + k) % kLanes;
    if ((warp.mask >> lane & 1) == 0) continue;
    Mbarrier& mbarrier = valid(warp, lane, offsets[lane]);
    check_count(warp, lane, count[lane]);
    states[lane] = read(block, offsets[lane]).bits();
    release(warp, lane, mbarrier, epoch);
    arrive_on(warp, lane, offsets[lane], mbarrier, count[lane], has(op, kDrop), !has(op, kNoComplete));
  }
  warp.define(op.d);
}

/// All arrivals under way come: their copies land.
void land(Warp& warp, std::uint32_t lane, std::uint64_t offset, Mbarrier& mbarrier) {
  Block& block = warp.block();
  for (const Mbarrier::AfterCopies& each : std::exchange(mbarrier.under_way, {})) {
    Warp& owner = block.warp(each.warp);
    land_copies(owner, each.lane, each.copies);
    release(owner, each.lane, mbarrier, block.next_epoch());
    arrive_on(warp, lane, offset, mbarrier, 1, false, true);
  }
}

void arrive_after_copies(Warp& warp, const Op& op) {
  Block& block = warp.block();
  const auto offsets = find(warp, op, Access::Kind::load);
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const std::uint64_t offset = offsets[lane];
    Mbarrier& mbarrier = valid(warp, lane, offset);
    if (!has(op, kNoIncrement)) {
      State state = read(block, offset);
      check_count(warp, lane, state.pending + 1);
      ++state.pending;
      write(block, offset, state);
    }
    mbarrier.under_way.push_back({warp.index(), lane, copies_issued(warp, lane)});
    if (block.settings().seed != 0 && (block.random().next() & 1) != 0) land(warp, lane, offset, mbarrier);
  }
  ++block.progress;
}

/// d: whether the phase is complete; b: a state, or the phase's parity.
void test_wait(Warp& warp, const Op& op) {
  Block& block = warp.block();
  const bool parity = has(op, kParity);
  warp.check_defined(warp.defined(op.b), parity ? "an mbarrier's parity" : "an mbarrier's state");
  const auto offsets = find(warp, op, Access::Kind::load);
  std::uint32_t complete = 0;
  for (std::uint32_t lanes = warp.mask; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const std::uint64_t offset = offsets[lane];
    Mbarrier& mbarrier = valid(warp, lane, offset);
    State now = read(block, offset);
    const std::uint32_t asked =
        parity ? (now.phase & 1) == (warp.lanes<std::uint32_t>(op.b)[lane] & 1) ? now.phase : now.phase - 1
               : State::of(warp.lanes<std::uint64_t>(op.b)[lane]).phase;
    if (asked == now.phase && !mbarrier.under_way.empty() && now.pending <= mbarrier.under_way.size()) {
      land(warp, lane, offset, mbarrier);
      now = read(block, offset);
    }
    if (asked == now.phase) continue;
    const std::uint32_t behind = (now.phase - asked) % kPhases;
    if (behind != 1) {
      warp.report(Check::barrier, lane,
                  "mbarrier.test_wait for phase " + std::to_string(asked % kPhases) + " of the mbarrier" +
                      at_byte(offset) + ", which is in phase " + std::to_string(now.phase) +
                      ": only the current phase and the one before it can be waited for");
    }
    complete |= 1u << lane;
    acquire(warp, lane, mbarrier);
  }
  if (complete != 0) warp.acquire_epoch = block.next_epoch();
  if (complete != warp.mask) warp.yield();
  warp.set_predicate(op.d, complete);
}

void pending_count(Warp& warp, const Op& op) {
  map1<std::uint32_t, std::uint64_t>(warp, op, [](std::uint64_t state) { return State::of(state).pending; });
}

/// Refuses modifiers that sm_80 does not have.
void expect_modifiers(const Encoder& e, std::initializer_list<std::string_view> known) {
  for (const std::string& each : e.instruction().modifiers) {
    if (std::find(known.begin(), known.end(), each) == known.end()) e.unsupported("." + each);
  }
}

void encode_address(Encoder& e, Op& op, std::size_t operand) {
  const bool shared = e.has("shared") || e.has("shared::cta");
  const Address address = e.address(e.operand(operand), shared ? ptx::Space::shared : ptx::Space::generic);
  op.a = address.base;
  op.immediate = address.offset;
  op.flags = static_cast<std::uint8_t>(op.flags | (shared ? 0 : kGeneric) | (address.wide ? kWide : 0));
}

Op encode(Encoder& e) {
  Op op;
  op.klass = Class::barrier;
  if (e.has("init")) {
    expect_modifiers(e, {"init", "shared", "shared::cta", "b64"});
    op.execute = initialise;
    encode_address(e, op, 0);
    op.b = e.read(1, Type::u32);
  } else if (e.has("inval")) {
    expect_modifiers(e, {"inval", "shared", "shared::cta", "b64"});
    op.execute = invalidate;
    encode_address(e, op, 0);
  } else if (e.has("arrive") || e.has("arrive_drop")) {
    expect_modifiers(
        e, {"arrive", "arrive_drop", "noComplete", "release", "cta", "shared", "shared::cta", "b64"});
    const bool no_complete = e.has("noComplete");
    if (!no_complete && e.operands() > 2) e.unsupported("a count without .noComplete needs sm_90");
    op.execute = arrive;
    op.flags =
        static_cast<std::uint8_t>((e.has("arrive_drop") ? kDrop : 0) | (no_complete ? kNoComplete : 0));
    op.d = e.write(0, Type::b64);
    encode_address(e, op, 1);
    op.b = no_complete ? e.read(2, Type::u32) : e.constant_slot(1, 4);
  } else if (e.has("test_wait")) {
    expect_modifiers(e, {"test_wait", "parity", "acquire", "cta", "shared", "shared::cta", "b64"});
    const bool parity = e.has("parity");
    op.execute = test_wait;
    op.flags = parity ? kParity : 0;
    op.d = e.write(0, Type::pred);
    encode_address(e, op, 1);
    op.b = e.read(2, parity ? Type::u32 : Type::b64);
  } else if (e.has("pending_count")) {
    expect_modifiers(e, {"pending_count", "b64"});
    op.execute = pending_count;
    op.d = e.write(0, Type::u32);
    op.a = e.read(1, Type::b64);
  } else {
    e.unsupported();
  }
  return op;
}

constexpr Opcode kOpcodes[] = {{"mbarrier", encode}};

}  // namespace

Op encode_arrive_after_copies(Encoder& e) {
  expect_modifiers(e, {"async", "mbarrier", "arrive", "noinc", "shared", "shared::cta", "b64"});
  Op op;
  op.klass = Class::async_copy;
  op.execute = arrive_after_copies;
  op.flags = e.has("noinc") ? kNoIncrement : 0;
  encode_address(e, op, 0);
  return op;
}

std::span<const Opcode> mbarrier_opcodes() { return kOpcodes; }

}  // namespace softgpu
