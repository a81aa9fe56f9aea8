// Runs a launch: blocks in an order the seed picks, spread over worker threads, each in turns if it does not
// end.
#include <algorithm>
#include <deque>
#include <numeric>
#include <thread>

#include "block.h"

namespace softgpu {

namespace {

/// Warp instructions a block runs before another one gets its turn.
constexpr std::uint64_t kSlice = 200'000;
/// Blocks a worker keeps going at once when they do not end within their slices.
constexpr std::size_t kResident = 16;

/// The order in which blocks start.
class BlockOrder {
 public:
  BlockOrder(std::uint64_t count, std::uint64_t seed) : count_(count) {
    if (seed == 0 || count < 2) return;
    Philox random(seed, ~std::uint64_t{0});
    offset_ = random.next() % count;
    do {
      step_ = random.next() % count;
    } while (std::gcd(step_, count) != 1);
  }
  /// The next block, or `count` when all have started. Safe between threads.
  std::uint64_t next() {
    const std::uint64_t i = next_.fetch_add(1, std::memory_order_relaxed);
    if (i >= count_) return count_;
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(i) * step_ + offset_) % count_);
  }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_, offset_ = 0, step_ = 1;
  std::atomic<std::uint64_t> next_{0};
};

class Worker {
 public:
  Worker(LaunchState& state, BlockOrder& order, std::uint64_t reserved) : state_(state), order_(order) {
    // A cooperative launch has all its blocks resident from the start.
    for (std::uint64_t i = 0; i < reserved; ++i) start_next();
  }

  void run() {
    try {
      while (!state_.stop.load(std::memory_order_relaxed)) {
        if (resident_.empty() && !start_next()) break;
        Block& block = *resident_.front();
        const std::uint64_t slice =
            block.settings().seed == 0 ? kSlice : std::uint64_t{64} << block.random().below(12);
        std::uint64_t budget = slice;
        const std::uint64_t before = block.progress;
        const bool done = block.run(budget);
        if (block.progress != before) state_.progress.fetch_add(1, std::memory_order_relaxed);
        watch(block, slice - budget);
        if (done) {
          collect(block);
          free_.push_back(std::move(resident_.front()));
          resident_.pop_front();
          continue;
        }
        // Others get their turn; a block that waits for one not yet started must see it start.
        if (resident_.size() < kResident) start_next();
        std::rotate(resident_.begin(), resident_.begin() + 1, resident_.end());
      }
    } catch (const Fault& fault) {
      state_.stop = true;
      state_.device->findings.add(fault.finding);
    }
    for (const auto& block : resident_) collect(*block);
  }

  KernelCounters counters;

 private:
  bool start_next() {
    const std::uint64_t index = order_.next();
    if (index >= order_.count()) return false;
    if (free_.empty()) free_.push_back(std::make_unique<Block>(state_));
    resident_.push_back(std::move(free_.back()));
    free_.pop_back();
    resident_.back()->start(index);
    return true;
  }

  void collect(Block& block) {
    counters.blocks += 1;
    for (std::uint32_t i = 0; i < block.warps(); ++i) {
      counters.warps += 1;
      counters.add(block.warp(i).counters());
    }
  }

  /// Faults when nothing on the device has changed for as many instructions as the watchdog allows.
  void watch(Block& block, std::uint64_t instructions) {
    const std::uint64_t progress = state_.progress.load(std::memory_order_relaxed);
    if (progress != seen_) {
      seen_ = progress;
      idle_ = 0;
      return;
    }
    idle_ += instructions;
    if (idle_ <= block.settings().watchdog) return;
    std::string where;
    Warp* witness = nullptr;
    for (std::uint32_t i = 0; i < block.warps(); ++i) {
      if (block.warp(i).live() == 0) continue;
      if (witness == nullptr || (!witness->can_run() && block.warp(i).can_run())) witness = &block.warp(i);
      where += (where.empty() ? "" : "; ") + block.warp(i).where_lanes_are();
    }
    if (witness == nullptr) return;
    witness->fault(
        Check::livelock, static_cast<std::uint32_t>(std::countr_zero(witness->live())),
        "a spin that never ends: " + std::to_string(idle_) +
            " warp instructions without a store, a barrier or an exit (SOFTGPU_WATCHDOG): " + where,
        702);
  }

  LaunchState& state_;
  BlockOrder& order_;
  std::deque<std::unique_ptr<Block>> resident_;
  std::vector<std::unique_ptr<Block>> free_;
  std::uint64_t seen_ = 0, idle_ = 0;
};

}  // namespace

int execute(Device& device, const Launch& launch) {
  LaunchState state;
  state.device = &device;
  state.launch = &launch;
  // Each launch has an order of its own, so that a kernel run twice shows whether order matters to it.
  if (device.settings.seed != 0) state.seed = device.settings.seed + 0x9E3779B97F4A7C15u * device.launches;
  ++device.launches;
  const std::uint64_t blocks = std::uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  try {
    launch.kernel->function();  // decoded here, so that what it cannot run is said before anything runs
  } catch (const UnsupportedInstruction& error) {
    Finding finding;
    finding.check = Check::unsupported;
    finding.code = 801;
    finding.message = error.what();
    finding.place.kernel = launch.kernel->name();
    device.findings.add(finding);
    return 801;
  }
  device.findings.take_code();  // what came before is not this launch's
  state.footprints.resize(static_cast<std::uint32_t>(launch.kernel->function().code.size()));
  if (launch.cooperative) {
    const std::vector<std::byte> zeros(256);
    const auto workspace = device.memory.allocate(zeros.size(), "grid workspace");
    if (!workspace) return 2;
    device.memory.write(*workspace, zeros.data(), zeros.size());
    state.grid_workspace = *workspace;
  }
  const std::uint32_t processors = std::max(1u, std::thread::hardware_concurrency());
  const std::uint32_t wanted = device.settings.threads != 0 ? device.settings.threads : processors;
  const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, blocks));
  BlockOrder order(blocks, state.seed);
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t share = launch.cooperative ? blocks / count + (i < blocks % count ? 1 : 0) : 0;
    workers.push_back(std::make_unique<Worker>(state, order, share));
  }
  std::vector<std::thread> threads;
  for (std::uint32_t i = 1; i < count; ++i) threads.emplace_back([&worker = *workers[i]] { worker.run(); });
  workers[0]->run();
  for (std::thread& thread : threads) thread.join();

  KernelCounters counters;
  counters.launches = 1;
  for (const auto& worker : workers) counters.add(worker->counters);
  device.counters.add(launch.kernel->name(), counters);
  if (state.grid_workspace != 0) device.memory.free(state.grid_workspace);
  return device.findings.take_code();
}

}  // namespace softgpu
