// A warp: 32 lanes, each with its own place in the code; the lanes at one place run together.
//
// Of the lanes that can run, those of the deepest call go first, and among them those at the lowest
// instruction in text order: compilers put a join after what joins, so diverged lanes meet again there
// (measured: 98 % of branches; elsewhere the join runs once a path, which is slower, never wrong). A group
// that goes on for long while others wait is put behind them, so that a spin lock's owner gets its turn.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../check/counters.h"
#include "../check/finding.h"
#include "../memory/origins.h"
#include "op.h"
#include "program.h"

namespace softgpu {

class Block;

/// A fault that ends the launch at once (an access that cannot be done, trap, an unknown function).
struct Fault {
  Finding finding;
};

/// Where a group of lanes stands.
struct Context {
  const Function* function = nullptr;
  Slot frame = 0;           ///< first slot of its frame in the warp's register file
  std::uint32_t local = 0;  ///< its frame's offset in each lane's local memory
  std::uint32_t depth = 0;  ///< of calls
  std::uint32_t pc = 0;
  bool same_frame(const Context& other) const {
    return frame == other.frame && function == other.function && local == other.local && depth == other.depth;
  }
};

class Warp {
 public:
  /// Why run() came back.
  enum class Stop : std::uint8_t { exited, blocked, budget };

  Warp(Block& block, std::uint32_t index);
  /// Makes this warp the index-th of the block's current launch, its lanes at the kernel's first instruction.
  void start();
  /// Runs until every lane has exited, no lane can go on, or `budget` instructions are done (which it
  /// lowers).
  Stop run(std::uint64_t& budget);

  // ---- for handlers
  // -------------------------------------------------------------------------------------------
  /// Lanes that execute the current instruction (after its guard).
  std::uint32_t mask = 0;

  template <class T>
  T* lanes(Slot slot) {
    return reinterpret_cast<T*>(frame_ + std::size_t{slot} * kSlotBytes);
  }
  /// Mask of lanes for which a predicate slot is true.
  std::uint32_t& predicate(Slot slot) { return *lanes<std::uint32_t>(slot); }
  /// Mask of lanes whose value in a slot somebody wrote.
  std::uint32_t& defined(Slot slot) { return defined_frame_[slot]; }
  /// After writing `slot` in the lanes of `mask`: they are defined where `sources` are.
  void define(Slot slot, std::uint32_t sources = 0xffffffff) {
    std::uint32_t& bits = defined_frame_[slot];
    bits = (bits & ~mask) | (sources & mask);
  }
  /// Writes a predicate in the lanes of `mask`.
  void set_predicate(Slot slot, std::uint32_t values, std::uint32_t sources = 0xffffffff) {
    std::uint32_t& bits = predicate(slot);
    bits = (bits & ~mask) | (values & mask);
    define(slot, sources);
  }
  bool all_lanes() const { return mask == 0xffffffff; }

  /// True where the host has declared matrices.
  bool traces_origins() const { return !origins_.empty(); }
  /// Where the bytes of a slot came from, kSlotBytes of them, in the order of the bytes. Only if
  /// traces_origins().
  Origin* origins(Slot slot) { return origins_.data() + (std::size_t{now_.frame} + slot) * kSlotBytes; }
  /// After writing values of `bytes` bytes to the lanes of `mask`: nothing is known of where they came from.
  void forget_origins(Slot slot, std::uint32_t bytes);

  Block& block() { return block_; }
  std::uint32_t index() const { return index_; }
  const Context& context() const { return now_; }
  const Function& function() const { return *now_.function; }
  const std::uint32_t* list(const Op& op) const { return now_.function->lists.data() + op.list; }
  KernelCounters& counters() { return counters_; }
  /// True if a lane can go on, or may when asked (lanes at a .sync whose partners have exited).
  bool can_run() const { return runnable_ != 0; }
  /// Lanes that exist and have not exited.
  std::uint32_t live() const { return live_; }
  /// Lanes at the current instruction, before its guard.
  std::uint32_t active() const { return active_; }
  /// Thread of a lane in its block: linear index.
  std::uint32_t thread(std::uint32_t lane) const { return index_ * kLanes + lane; }

  // Control flow.
  /// The lanes of `taken` go to `target`, the other active ones go on.
  void branch(std::uint32_t taken, std::uint32_t target);
  /// As branch, but the other active lanes of the guard come back to `again` (brx.idx with several targets).
  void branch_again(std::uint32_t taken, std::uint32_t target, std::uint32_t again);
  /// The lanes of `lanes` will execute instruction `again` when the rest of the mask is through; `mask` loses
  /// them.
  void hold_back(std::uint32_t lanes, std::uint32_t again);
  /// Where a lane of the current function was called from; its pc is that after the call.
  const Context& caller(std::uint32_t lane) const { return callers_[lane].back(); }
  /// Enters a function; arguments and results are copied by the handler that calls this (isa/control.cpp).
  void call(const Function& callee);
  /// Lanes of `mask` return to their caller; in the entry they exit.
  void leave();
  void exit_lanes();
  /// The lanes of `mask` wait for the rest of `members` (per lane) at this `.sync` instruction. True if all
  /// of every lane's members that have not exited are here now: the handler then goes on with `mask`, which
  /// may have grown by lanes that came earlier. False: they wait, the handler must do nothing. Guards are the
  /// same for all that wait.
  bool gather(const Op& op, Slot members);
  /// The lanes of `mask` wait at a barrier of the block until release().
  void wait_at_barrier();
  /// Lanes of `lanes` that wait at a barrier go on.
  void release(std::uint32_t lanes);
  /// Lanes that wait at any barrier, or at a .sync instruction.
  std::uint32_t at_barriers() const { return at_barrier_; }
  std::uint32_t gathered() const { return gathered_; }
  /// Writes a result into a waiting lane's own frame (bar.red delivers to all that wait).
  void deliver(std::uint32_t lane, Slot slot, bool is_predicate, std::uint32_t value);
  /// Asks the scheduler to let others run, other warps and this one's other lanes: after nanosleep and in
  /// spins.
  void yield() {
    yielded_ = true;
    patience_ = 1;
  }

  // Local memory: `bytes` of each lane, grown on demand; definedness beside it.
  std::byte* local(std::uint32_t lane, std::uint64_t offset) {
    return local_.get() + lane * local_stride_ + offset;
  }
  std::uint8_t* local_defined(std::uint32_t lane, std::uint64_t offset) {
    return local_defined_.get() + lane * local_stride_ + offset;
  }
  std::uint64_t local_bytes() const { return local_stride_; }

  // Order for the race checks (memory/races.h), in the block's epochs.
  std::uint32_t sync_epoch = 0;  ///< of the last __syncwarp over all live lanes
  std::uint32_t fence_epoch =
      0;  ///< what was done before it is published by the next atomic, volatile or release access
  std::uint32_t acquire_epoch = 0;  ///< of its last wait at a barrier of part of the block, or an mbarrier
  /// Of each lane's last __syncwarp over part of the warp, and over which lanes.
  std::array<std::uint32_t, kLanes> part_epoch{}, part_lanes{};
  /// The carry flag of .cc instructions, a bit a lane, and whether it is defined.
  std::uint32_t carry = 0, carry_defined = 0;
  /// State of cp.async (isa/async_copy.cpp), made when first needed.
  std::shared_ptr<void> async_copies;

  // Reports.
  Place place(const Function* function, std::uint32_t instruction) const;
  /// Place of the current instruction, and of the one a lane waits at.
  Place place() const { return place(now_.function, now_.pc - 1); }
  Place waiting_place(std::uint32_t lane) const;
  /// The current instruction as 32 bits (function number and index), and such a number's place.
  std::uint32_t code_place() const { return now_.function->number << 24 | ((now_.pc - 1) & 0xffffff); }
  Place place_of_code(std::uint32_t code) const;
  /// A finding at the current instruction for a lane.
  Finding finding(Check check, std::uint32_t lane, std::string message) const;
  /// Adds it to the device's findings and goes on.
  void report(Check check, std::uint32_t lane, std::string message, Severity severity = Severity::error,
              int code = 719);
  void report(const Finding& finding);
  /// Ends the launch.
  [[noreturn]] void fault(Check check, std::uint32_t lane, std::string message, int code = 719);
  /// Reports lanes of `mask` that are not in `defined_lanes`: an undefined value used as `what`.
  void check_defined(std::uint32_t defined_lanes, const char* what) {
    if ((mask & ~defined_lanes) != 0) undefined_use(mask & ~defined_lanes, what);
  }
  std::string where_lanes_are() const;

 private:
  friend class Block;
  void undefined_use(std::uint32_t lanes, const char* what);
  void save();
  void regroup();
  void enter(const Context& context, std::uint32_t lanes);
  void open_frame(const Function& function, Slot frame, std::uint32_t local);
  void reserve(Slot slots);
  void reserve_local(std::uint64_t bytes);
  void trace(const Op& op);

  Block& block_;
  std::uint32_t index_;
  // The running group.
  Context now_;
  const Op* code_ = nullptr;
  std::byte* frame_ = nullptr;
  std::uint32_t* defined_frame_ = nullptr;
  std::uint32_t active_ = 0;
  std::uint32_t rejoin_ =
      0xffffffff;  ///< lowest instruction at which other lanes of this frame wait to go on
  bool regroup_ = false;
  bool yielded_ = false;
  std::uint32_t patience_ = 0;  ///< instructions until the others get their turn
  // All lanes.
  std::uint32_t live_ = 0;
  std::uint32_t runnable_ = 0;
  std::uint32_t gathered_ = 0;                   ///< lanes that wait at a .sync instruction
  std::array<std::uint32_t, kLanes> members_{};  ///< for whom they wait
  std::uint32_t at_barrier_ = 0;
  std::array<Context, kLanes> lane_{};
  std::array<std::vector<Context>, kLanes> callers_;
  std::uint32_t last_leader_ = 0;
  // Register file: slots of 128 bytes, 64-byte aligned, and their definedness.
  struct FreeDeleter {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte, FreeDeleter> registers_;
  std::vector<std::uint32_t> defined_;
  std::vector<Origin> origins_;  ///< of every byte of the registers; empty: not traced
  Slot capacity_ = 0;
  std::unique_ptr<std::byte[]> local_;
  std::unique_ptr<std::uint8_t[]> local_defined_;
  std::uint64_t local_stride_ = 0;
  KernelCounters counters_;
};

/// d = f(sources...) in the lanes of the mask; d is defined where all sources are. D and S are the lanes'
/// types.
template <class D, class F, class... S>
inline void map_lanes(Warp& warp, Slot d, F f, const S*... sources) {
  D* destination = warp.lanes<D>(d);
  if (warp.all_lanes()) {
#pragma GCC ivdep
    for (std::uint32_t i = 0; i < kLanes; ++i) destination[i] = f(sources[i]...);
  } else {
    const std::uint32_t mask = warp.mask;
#pragma GCC ivdep
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      const D value = f(sources[i]...);
      destination[i] = (mask >> i & 1) != 0 ? value : destination[i];
    }
  }
}

template <class D, class A, class F>
inline void map1(Warp& warp, const Op& op, F f) {
  map_lanes<D>(warp, op.d, f, static_cast<const A*>(warp.lanes<A>(op.a)));
  warp.define(op.d, warp.defined(op.a));
}

template <class D, class A, class B, class F>
inline void map2(Warp& warp, const Op& op, F f) {
  map_lanes<D>(warp, op.d, f, static_cast<const A*>(warp.lanes<A>(op.a)),
               static_cast<const B*>(warp.lanes<B>(op.b)));
  warp.define(op.d, warp.defined(op.a) & warp.defined(op.b));
}

template <class D, class A, class B, class C, class F>
inline void map3(Warp& warp, const Op& op, F f) {
  map_lanes<D>(warp, op.d, f, static_cast<const A*>(warp.lanes<A>(op.a)),
               static_cast<const B*>(warp.lanes<B>(op.b)), static_cast<const C*>(warp.lanes<C>(op.c)));
  warp.define(op.d, warp.defined(op.a) & warp.defined(op.b) & warp.defined(op.c));
}

}  // namespace softgpu
