// A thread block: shared memory with its shadows, barriers, warps. Reused for block after block by a worker
// thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "../memory/access_pattern.h"
#include "../memory/footprints.h"
#include "../memory/origins.h"
#include "../memory/published_clocks.h"
#include "device.h"
#include "launch.h"
#include "mbarrier.h"
#include "philox.h"
#include "warp.h"

namespace softgpu {

/// One of the 16 named barriers of a block.
struct Barrier {
  std::uint32_t expected = 0;  ///< threads; 0: all that have not exited
  const Op* op = nullptr;      ///< first arrival's instruction
  Place place;                 ///< and its place
  bool reduces = false;
  std::uint32_t count_true = 0;        ///< of bar.red's predicate
  std::vector<std::uint32_t> waiting;  ///< by warp: lanes that wait (sync, red)
  std::vector<std::uint32_t> came;     ///< by warp: lanes that have arrived in this phase
};

/// State common to all blocks of a launch.
struct LaunchState {
  Device* device = nullptr;
  const Launch* launch = nullptr;
  std::uint64_t seed = 0;                  ///< of this launch's schedule
  DeviceAddress grid_workspace = 0;        ///< what %envreg1 and 2 point to: cooperative groups' grid barrier
  std::atomic<std::uint64_t> progress{0};  ///< sum of the blocks' progress, for the watchdog
  Footprints footprints;                   ///< of its instructions, to name the other party of a race
  PublishedClocks published;               ///< at flags, by fences
  std::atomic<bool> stop{false};           ///< a block has faulted
};

class Block {
 public:
  explicit Block(LaunchState& state);
  /// Makes this the block of a linear index.
  void start(std::uint64_t linear_index);
  /// Runs up to `budget` warp instructions, which it lowers. True when the block is done. Throws Fault.
  bool run(std::uint64_t& budget);

  Device& device() { return *state_.device; }
  const Settings& settings() const { return state_.device->settings; }
  const Launch& launch() const { return *state_.launch; }
  LaunchState& state() { return state_; }
  const Dim3& index() const { return index_; }
  std::uint64_t linear_index() const { return linear_; }
  std::uint32_t threads() const { return threads_; }
  std::uint32_t warps() const { return static_cast<std::uint32_t>(warps_used_); }
  Warp& warp(std::uint32_t i) { return *warps_[i]; }
  Philox& random() { return random_; }
  /// Bumped by whatever may let another thread go on: stores and atomics that change memory, barriers, exits.
  std::uint64_t progress = 0;

  /// How a warp's lanes arrive at a barrier.
  struct Arrival {
    std::uint32_t barrier = 0;    ///< 0..15
    std::uint32_t expected = 0;   ///< threads, a multiple of 32; 0: all of the block
    bool waits = true;            ///< false: bar.arrive
    bool aligned = true;          ///< bar.*: all threads must arrive at the same instruction
    bool reduces = false;         ///< bar.red
    std::uint32_t predicate = 0;  ///< its source, a bit a lane
  };
  /// The lanes of the warp's mask arrive.
  void arrive(Warp& warp, const Op& op, const Arrival& arrival);
  /// Threads have exited: barriers that waited for them may be complete.
  void exited();

  // Shared memory.
  std::byte* shared(std::uint64_t offset) { return shared_.data() + offset; }
  std::uint8_t* shared_defined(std::uint64_t offset) { return shared_defined_.data() + offset; }
  std::uint64_t shared_bytes() const { return shared_bytes_; }
  /// Where values came from; only if traces_origins(): the host has declared matrices.
  bool traces_origins() const { return origins_ != nullptr; }
  Origins& origins() { return *origins_; }
  /// Last writer and last reader of each 4-byte word (memory/race_record.h).
  std::vector<std::uint64_t> shared_writers, shared_readers;

  // Order for the race checks.
  std::uint32_t epoch = 1;              ///< bumped at every full barrier, fence and __syncwarp
  std::uint32_t barrier_epoch = 1;      ///< its value after the last full barrier
  std::uint32_t last_shared_write = 0;  ///< epoch of the last store to shared memory
  std::uint32_t next_epoch();
  AccessPatterns access_patterns;
  BlockClock acquired;  ///< what other blocks did that this one knows to be over
  /// [a * warps + b]: what warp a did before this epoch is known to warp b through barriers of part of the
  /// block; empty until there was one.
  std::vector<std::uint32_t> known_epochs;
  /// What warp a did before epoch `since` is known to warp b from now on.
  void know(std::size_t a, std::size_t b, std::uint32_t since);

  /// Valid mbarriers, by offset in shared memory.
  std::map<std::uint64_t, Mbarrier> mbarriers;

 private:
  bool is_complete(const Barrier& barrier) const;
  void complete(std::uint32_t number);
  void joined(const Barrier& barrier);
  [[noreturn]] void deadlock();

  LaunchState& state_;
  Dim3 index_{};
  std::uint64_t linear_ = 0;
  std::uint32_t threads_ = 0;
  std::size_t warps_used_ = 0;
  std::vector<std::unique_ptr<Warp>> warps_;
  std::vector<std::byte> shared_;
  std::vector<std::uint8_t> shared_defined_;
  std::uint64_t shared_bytes_ = 0;
  std::unique_ptr<Origins> origins_;
  std::array<Barrier, 16> barriers_;
  std::uint32_t next_warp_ = 0;
  Philox random_;
};

}  // namespace softgpu
