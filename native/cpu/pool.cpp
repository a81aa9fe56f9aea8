#include "cpu/pool.h"

#include <sched.h>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "core/cgroup.h"

namespace lapidary::cpu {
namespace {

constexpr uint64_t kField = (uint64_t{1} << 20) - 1;
constexpr int64_t kMostChunks = kField;
constexpr uint64_t next_of(uint64_t state) { return state & kField; }
constexpr uint64_t chunks_of(uint64_t state) { return (state >> 20) & kField; }

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

Pool::Pool(int threads) {
  try {
    for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this, worker] { work(worker); });
  } catch (const std::system_error&) {
    const int started = this->threads();
    stop();
    fail(ErrorCode::Unsupported, "expected %d threads, but the system gives this process only %d", threads,
         started);
  }
}

Pool::~Pool() { stop(); }

void Pool::stop() noexcept {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

bool Pool::has_work() const noexcept {
  const uint64_t state = state_.load();
  return next_of(state) < chunks_of(state);
}

void Pool::take_chunks(int worker) {
  uint64_t state = state_.load(std::memory_order_acquire);
  while (next_of(state) < chunks_of(state)) {
    if (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) continue;
    try {
      (*body_.load(std::memory_order_acquire))(static_cast<int64_t>(next_of(state)), worker);
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    finished_.fetch_add(1, std::memory_order_acq_rel);
    state = state_.load(std::memory_order_acquire);
  }
}

void Pool::run_job(int64_t chunks, const ChunkFunction& body) {
  body_.store(&body, std::memory_order_release);
  finished_.store(0, std::memory_order_release);
  const uint64_t generation = (state_.load() >> 40) + 1;
  state_.store(generation << 40 | static_cast<uint64_t>(chunks) << 20);
  if (sleepers_.load() > 0) {
    { std::lock_guard lock(mutex_); }
    wake_.notify_all();
  }
  take_chunks(0);
  while (finished_.load(std::memory_order_acquire) < chunks) relax();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Pool::parallel(int64_t chunks, ChunkFunction body) {
  if (chunks <= 0) return;
  if (chunks == 1 || workers_.empty()) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) body(chunk, 0);
    return;
  }
  for (int64_t first = 0; first < chunks; first += kMostChunks) {
    const int64_t count = std::min(kMostChunks, chunks - first);
    const auto shifted = [&](int64_t chunk, int worker) { body(first + chunk, worker); };
    run_job(count, first == 0 ? body : ChunkFunction(shifted));
  }
}

void Pool::work(int worker) {
  using Clock = std::chrono::steady_clock;
  while (!stopping_.load(std::memory_order_relaxed)) {
    const auto until = Clock::now() + std::chrono::microseconds(50);
    while (!has_work() && Clock::now() < until) relax();
    if (has_work()) {
      take_chunks(worker);
      continue;
    }
    std::unique_lock lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [&] { return has_work() || stopping_; });
    sleepers_.fetch_sub(1);
  }
}

int default_threads() {
  int threads = 1;
  cpu_set_t affinity;
  CPU_ZERO(&affinity);
  if (sched_getaffinity(0, sizeof affinity, &affinity) == 0) threads = CPU_COUNT(&affinity);
  for (const std::string& value : cgroup_values("cpu.max", "cpu", "cpu.cfs_quota_us")) {
    double quota = 0,
           period = 100000;  // microseconds; version 1 has the period, nearly always this one, apart
    std::istringstream(value) >> quota >> period;  // "max" and -1: none
    if (quota > 0 && period > 0) threads = std::min(threads, static_cast<int>(quota / period + 0.999));
  }
  if (const char* slurm = std::getenv("SLURM_CPUS_PER_TASK")) {
    if (const int cpus = std::atoi(slurm); cpus > 0) threads = std::min(threads, cpus);
  }
  return std::max(threads, 1);
}

}  // namespace lapidary::cpu
