#include "block.h"

#include <algorithm>
#include <bit>

#include "../memory/races.h"

namespace softgpu {

Block::Block(LaunchState& state) : state_(state) {
  const Launch& launch = *state.launch;
  threads_ = launch.block[0] * launch.block[1] * launch.block[2];
  warps_used_ = (threads_ + kLanes - 1) / kLanes;
  for (std::uint32_t i = 0; i < warps_used_; ++i) warps_.push_back(std::make_unique<Warp>(*this, i));
  shared_bytes_ = launch.dynamic_shared != 0 ? launch.kernel->dynamic_shared_offset() + launch.dynamic_shared
                                             : launch.kernel->static_shared();
  // 16 bytes of slack: a vector access is checked before it is made, but read as one.
  shared_.resize(shared_bytes_ + 16);
  shared_defined_.resize(shared_bytes_ + 16);
  shared_writers.resize(shared_bytes_ / 4 + 4);
  shared_readers.resize(shared_bytes_ / 4 + 4);
  auto matrices = state.device->matrices.all();
  if (!matrices.empty() && settings().checks)
    origins_ = std::make_unique<Origins>(std::move(matrices), shared_bytes_);
  for (Barrier& barrier : barriers_) barrier.waiting.resize(warps_used_), barrier.came.resize(warps_used_);
}

void Block::start(std::uint64_t linear_index) {
  const Dim3& grid = launch().grid;
  linear_ = linear_index;
  index_ = {static_cast<std::uint32_t>(linear_index % grid[0]),
            static_cast<std::uint32_t>(linear_index / grid[0] % grid[1]),
            static_cast<std::uint32_t>(linear_index / grid[0] / grid[1])};
  random_ = Philox(state_.seed, linear_index);
  std::fill(shared_defined_.begin(), shared_defined_.end(), std::uint8_t{0});
  std::fill(shared_writers.begin(), shared_writers.end(), std::uint64_t{0});
  std::fill(shared_readers.begin(), shared_readers.end(), std::uint64_t{0});
  if (origins_) origins_->clear();
  known_epochs.clear();
  acquired.clear();
  mbarriers.clear();
  for (Barrier& barrier : barriers_) {
    barrier.expected = barrier.count_true = 0;
    barrier.op = nullptr;
    std::fill(barrier.waiting.begin(), barrier.waiting.end(), 0u);
    std::fill(barrier.came.begin(), barrier.came.end(), 0u);
  }
  epoch = barrier_epoch = 1;
  last_shared_write = 0;
  progress = 0;
  next_warp_ = 0;
  for (std::uint32_t i = 0; i < warps_used_; ++i) warps_[i]->start();
}

bool Block::run(std::uint64_t& budget) {
  const auto count = static_cast<std::uint32_t>(warps_used_);
  std::uint32_t blocked = 0, ended = 0;
  for (const auto& warp : warps_) ended += warp->live() == 0 ? 1 : 0;
  while (ended < count) {
    if (budget == 0) return false;
    // Natural order goes round; a seed picks any warp and lets it run for any while.
    const bool shuffled = settings().seed != 0;
    if (shuffled && random_.below(4) == 0) next_warp_ = random_.below(count);
    Warp& warp = *warps_[next_warp_];
    next_warp_ = next_warp_ + 1 == count ? 0 : next_warp_ + 1;
    if (warp.live() == 0) {
      // Nothing to run; counts as blocked so that a deadlock among the others is seen.
      if (++blocked > 2 * count) {
        if (std::none_of(warps_.begin(), warps_.end(), [](const auto& each) { return each->can_run(); }))
          deadlock();
        blocked = 0;
      }
      continue;
    }
    const std::uint64_t slice = shuffled ? std::uint64_t{1} << random_.below(13) : 100'000;
    std::uint64_t left = std::min(budget, slice);
    const std::uint64_t given = left;
    const Warp::Stop stop = warp.run(left);
    budget -= given - left;
    if (stop == Warp::Stop::exited) {
      ++ended;
      blocked = 0;
    } else if (stop == Warp::Stop::blocked && given == left) {
      if (++blocked > 2 * count) {
        if (std::none_of(warps_.begin(), warps_.end(), [](const auto& each) { return each->can_run(); }))
          deadlock();
        blocked = 0;
      }
    } else {
      blocked = 0;
    }
  }
  return true;
}

bool Block::is_complete(const Barrier& barrier) const {
  if (barrier.op == nullptr) return false;
  if (barrier.expected == 0) {
    for (std::size_t i = 0; i < warps_used_; ++i) {
      if ((warps_[i]->live() & ~barrier.came[i]) != 0) return false;
    }
    return true;
  }
  // A warp all of whose threads have come counts 32, though the block's last may have fewer.
  std::uint32_t arrived = 0;
  for (std::size_t i = 0; i < warps_used_; ++i) {
    const std::uint32_t came = barrier.came[i];
    if (came == 0) continue;
    arrived += (warps_[i]->live() & ~came) == 0 ? kLanes : static_cast<std::uint32_t>(std::popcount(came));
  }
  return arrived >= barrier.expected;
}

void Block::arrive(Warp& warp, const Op& op, const Arrival& arrival) {
  Barrier& barrier = barriers_[arrival.barrier];
  const auto lane = static_cast<std::uint32_t>(std::countr_zero(warp.mask));
  if (barrier.op == nullptr) {
    barrier.op = &op;
    barrier.place = warp.place();
    barrier.expected = arrival.expected;
    barrier.reduces = arrival.reduces;
    barrier.count_true = 0;
  } else if (barrier.op != &op) {
    const bool counted = barrier.expected != 0 && arrival.expected != 0;
    Finding finding = warp.finding(Check::barrier, lane,
                                   arrival.reduces != barrier.reduces
                                       ? "bar.sync and bar.red meet at one barrier"
                                       : "parts of the block wait at two different instructions for one "
                                         "barrier; __syncthreads must be reached by "
                                         "all threads at the same place");
    finding.other = barrier.place;
    if ((!counted && arrival.aligned) || arrival.reduces != barrier.reduces) warp.report(finding);
    if (barrier.expected != arrival.expected) {
      warp.report(Check::barrier, lane,
                  "barrier " + std::to_string(arrival.barrier) + " is used with " +
                      std::to_string(arrival.expected) + " threads while others wait for " +
                      std::to_string(barrier.expected));
    }
  }
  if ((barrier.came[warp.index()] & warp.mask) != 0) {
    warp.report(Check::barrier, lane,
                "threads arrive twice at barrier " + std::to_string(arrival.barrier) +
                    " before it has let anybody go");
  }
  barrier.came[warp.index()] |= warp.mask;
  barrier.count_true += static_cast<std::uint32_t>(std::popcount(arrival.predicate & warp.mask));
  if (arrival.waits) {
    barrier.waiting[warp.index()] |= warp.mask;
    warp.wait_at_barrier();
  }
  if (is_complete(barrier)) complete(arrival.barrier);
}

void Block::complete(std::uint32_t number) {
  Barrier& barrier = barriers_[number];
  const bool full = barrier.expected == 0;
  if (full) {
    for (std::uint32_t i = 0; i < warps_used_; ++i) {
      Warp& warp = *warps_[i];
      const std::uint32_t exists =
          i + 1 == warps_used_ && threads_ % kLanes != 0 ? (1u << threads_ % kLanes) - 1 : ~0u;
      const std::uint32_t missing = exists & ~warp.live() & ~barrier.came[i];
      if (missing == 0) continue;
      Finding finding = warp.finding(Check::barrier, static_cast<std::uint32_t>(std::countr_zero(missing)),
                                     "a barrier that this thread never reaches: it has exited while others "
                                     "of its block wait. Hardware since "
                                     "Volta lets them go, older hardware hangs; let every thread reach the "
                                     "barrier (SOFTGPU_BARRIER=volta makes "
                                     "this a warning)");
      finding.place = barrier.place;
      finding.severity = settings().exited_miss_barriers ? Severity::warning : Severity::error;
      warp.report(finding);
      break;
    }
  }
  const std::uint32_t result_kind = barrier.op->flags;  // of bar.red: 1 and, 2 or, 3 popc
  for (std::uint32_t i = 0; i < warps_used_; ++i) {
    Warp& warp = *warps_[i];
    const std::uint32_t waiting = barrier.waiting[i];
    if (waiting == 0) continue;
    if (barrier.reduces) {
      std::uint32_t total = 0;
      for (std::uint32_t w = 0; w < warps_used_; ++w)
        total += static_cast<std::uint32_t>(std::popcount(barrier.came[w]));
      const std::uint32_t value = result_kind == 1   ? (barrier.count_true == total ? 1 : 0)
                                  : result_kind == 2 ? (barrier.count_true != 0 ? 1 : 0)
                                                     : barrier.count_true;
      for (std::uint32_t lanes = waiting; lanes != 0; lanes &= lanes - 1) {
        warp.deliver(static_cast<std::uint32_t>(std::countr_zero(lanes)), barrier.op->d, result_kind != 3,
                     value);
      }
    }
    warp.release(waiting);
  }
  next_epoch();
  ++progress;
  if (full) {
    barrier_epoch = epoch;
    // Fences before a barrier cover what the whole block did before it, whoever raises the flag afterwards.
    const bool fenced =
        std::any_of(warps_.begin(), warps_.end(), [](const auto& w) { return w->fence_epoch != 0; });
    if (fenced) {
      for (const auto& each : warps_) each->fence_epoch = epoch;
    }
  } else {
    joined(barrier);
  }
  barrier.op = nullptr;
  std::fill(barrier.waiting.begin(), barrier.waiting.end(), 0u);
  std::fill(barrier.came.begin(), barrier.came.end(), 0u);
}

std::uint32_t Block::next_epoch() {
  if (++epoch >= SharedRecord::kMaxEpoch) {
    // Records cannot count further: start again, forgetting what is there. (Records in global memory from
    // before have greater epochs than any to come, which the checks take as ordered.)
    std::fill(shared_writers.begin(), shared_writers.end(), std::uint64_t{0});
    std::fill(shared_readers.begin(), shared_readers.end(), std::uint64_t{0});
    known_epochs.clear();
    for (auto& [offset, mbarrier] : mbarriers) mbarrier.arriving.clear(), mbarrier.completed.clear();
    epoch = barrier_epoch = 1;
    last_shared_write = 0;
    for (std::size_t i = 0; i < warps_used_; ++i) {
      warps_[i]->sync_epoch = warps_[i]->fence_epoch = warps_[i]->acquire_epoch = 0;
      warps_[i]->part_epoch.fill(0);
    }
  }
  return epoch;
}

void Block::know(std::size_t a, std::size_t b, std::uint32_t since) {
  if (known_epochs.empty()) known_epochs.assign(warps_used_ * warps_used_, 0);
  std::uint32_t& known = known_epochs[a * warps_used_ + b];
  known = std::max(known, since);
}

void Block::joined(const Barrier& barrier) {
  // known_epochs[a * warps + b]: what a wrote before this epoch, b may read.
  if (known_epochs.empty()) known_epochs.assign(warps_used_ * warps_used_, 0);
  std::vector<std::uint32_t> join(warps_used_, 0);
  for (std::size_t b = 0; b < warps_used_; ++b) {
    if (barrier.came[b] == 0) continue;
    join[b] = epoch;
    for (std::size_t a = 0; a < warps_used_; ++a)
      join[a] = std::max(join[a], known_epochs[a * warps_used_ + b]);
  }
  for (std::size_t b = 0; b < warps_used_; ++b) {
    if (barrier.waiting[b] == 0) continue;
    warps_[b]->acquire_epoch = epoch;
    for (std::size_t a = 0; a < warps_used_; ++a) known_epochs[a * warps_used_ + b] = join[a];
  }
}

void Block::exited() {
  for (std::uint32_t i = 0; i < barriers_.size(); ++i) {
    if (is_complete(barriers_[i])) complete(i);
  }
}

void Block::deadlock() {
  std::string where;
  const Warp* witness = nullptr;
  std::uint32_t lane = 0;
  bool at_barrier = false;
  for (const auto& warp : warps_) {
    const std::uint32_t barrier = warp->at_barriers(), waiting = barrier | warp->gathered();
    if (waiting == 0) continue;
    where += (where.empty() ? "" : "; ") + warp->where_lanes_are();
    if (witness == nullptr || (!at_barrier && barrier != 0)) {
      witness = warp.get();
      at_barrier = barrier != 0;
      lane = static_cast<std::uint32_t>(std::countr_zero(barrier != 0 ? barrier : waiting));
    }
  }
  Finding finding = witness->finding(
      at_barrier ? Check::barrier : Check::collective, lane,
      (at_barrier
           ? "the block can never go on: part of it waits at a barrier that the rest does not reach: "
           : "the warp can never go on: lanes wait at a .sync instruction for lanes that do not come: ") +
          where);
  finding.place = witness->waiting_place(lane);
  finding.code = 702;
  throw Fault{std::move(finding)};
}

}  // namespace softgpu
