// The worker pool of the CPU backend. The stream's driver thread is worker 0 and takes chunks like the
// others. Workers spin at most 50 microseconds for the next kernel, then sleep: an idle engine uses no CPU.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "backend.h"

namespace lapidary::cpu {

class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();

  int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }
  /// Runs body(chunk, worker) for every chunk; returns when all have ended. Throws what a body threw first.
  void parallel(int64_t chunks, ChunkFunction body);

 private:
  void work(int worker);
  /// Takes chunks of the current job until none is left.
  void take_chunks(int worker);
  bool has_work() const noexcept;
  void run_job(int64_t chunks, const ChunkFunction& body);
  void stop() noexcept;

  // generation (24 bits) | chunks (20) | next chunk (20): one word, so that a late worker can never take a
  // chunk of a job that it has not seen.
  std::atomic<uint64_t> state_{0};
  std::atomic<const ChunkFunction*> body_{nullptr};
  std::atomic<int64_t> finished_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;  // of the current job; under mutex_ while it runs
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

/// min(affinity, cgroup quota, SLURM_CPUS_PER_TASK), at least 1.
int default_threads();

}  // namespace lapidary::cpu
