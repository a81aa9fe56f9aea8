#include "cpu/cpu_backend.h"

#include <chrono>
#include <cstdlib>
#include <mutex>

#include "core/allocator.h"
#include "cpu/huge_pages.h"
#include "cpu/pool.h"

namespace lapidary::cpu {

// Every kernel list of every instruction set, defined in cpu/kernels/**.
#define LAPIDARY_KERNEL(name, Args) ImplementationList name();
namespace base {
#include "ops/kernels.def"
}
#if LAPIDARY_HAVE_X86_ISAS
namespace avx2 {
#include "ops/kernels.def"
}
namespace avx512 {
#include "ops/kernels.def"
}
#endif
#undef LAPIDARY_KERNEL
#define LAPIDARY_KERNEL(name, Args) Implementation name##_ref64();
namespace base {
#include "ops/kernels.def"
}
#undef LAPIDARY_KERNEL

namespace {

constexpr size_t kHuge = size_t{256} << 10;  // blocks from here on lie in huge pages

struct IsaTable {
  const char* name;
  KernelTable kernels;
};

const std::vector<IsaTable>& isa_tables() {
  static const std::vector<IsaTable> tables = [] {
    std::vector<IsaTable> made;
#if LAPIDARY_HAVE_X86_ISAS
    __builtin_cpu_init();
#define LAPIDARY_KERNEL(name, Args) avx512::name(),
    if (__builtin_cpu_supports("x86-64-v4")) {
      made.push_back({"avx512",
                      {
#include "ops/kernels.def"
                      }});
    }
#undef LAPIDARY_KERNEL
#define LAPIDARY_KERNEL(name, Args) avx2::name(),
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      made.push_back({"avx2",
                      {
#include "ops/kernels.def"
                      }});
    }
#undef LAPIDARY_KERNEL
#endif
#define LAPIDARY_KERNEL(name, Args) base::name(),
    made.push_back({"base",
                    {
#include "ops/kernels.def"
                    }});
#undef LAPIDARY_KERNEL
    return made;
  }();
  return tables;
}

/// LAPIDARY_ISA lowers the choice, so that a run can be resumed with the bits of another machine.
const IsaTable& chosen_isa() {
  const char* wanted = std::getenv("LAPIDARY_ISA");
  for (const IsaTable& table : isa_tables()) {
    if (!wanted || !*wanted || std::string_view(wanted) == table.name) return table;
  }
  fail(ErrorCode::Unsupported,
       "LAPIDARY_ISA=%s: expected an instruction set that this processor and build have (%s is the "
       "widest)",
       wanted, isa_tables().front().name);
}

class CpuContext final : public KernelContext {
 public:
  CpuContext(Pool& pool, std::vector<std::pair<void*, size_t>>& scratch) : pool_(pool), scratch_(scratch) {}

  void parallel(int64_t chunks, ChunkFunction body) override { pool_.parallel(chunks, body); }

  void* scratch(int worker, size_t bytes) override {
    auto& [block, size] = scratch_[static_cast<size_t>(worker)];
    if (size < bytes) {
      std::free(block);
      size = (bytes + bytes / 4 + 4095) / 4096 * 4096;
      block = std::aligned_alloc(4096, size);
      if (!block) {
        size = 0;
        throw std::bad_alloc();
      }
    }
    return block;
  }

  void fault(ErrorCode code, const std::string& message) override {
    std::lock_guard lock(mutex_);
    if (!fault_) fault_ = std::make_unique<Error>(code, message);
  }

  void rethrow() const {
    if (fault_) throw Error(*fault_);
  }

 private:
  Pool& pool_;
  std::vector<std::pair<void*, size_t>>& scratch_;
  std::mutex mutex_;
  std::unique_ptr<Error> fault_;
};

class CpuBackend final : public Backend {
 public:
  CpuBackend() : isa_(chosen_isa()) { set_threads(default_threads()); }
  ~CpuBackend() override {
    for (auto& [block, size] : scratch_) std::free(block);
  }

  const char* name() const noexcept override { return "cpu"; }
  std::string description() const override {
    return std::string(isa_.name) + ", " + std::to_string(threads()) + " threads";
  }

  void* allocate(size_t bytes) override {
    return bytes < kHuge ? std::aligned_alloc(64, (bytes + 63) / 64 * 64) : huge_pages_.allocate(bytes);
  }
  void release(void* block, size_t bytes) noexcept override {
    bytes < kHuge ? std::free(block) : huge_pages_.release(block, bytes);
  }

  void* allocate_host(size_t bytes) override {
    return std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  }
  void release_host(void* block) noexcept override { std::free(block); }
  size_t memory_limit() const override { return available_memory() / 5 * 4; }

  // Everything is done when a call returns.
  void copy_in(void* device, const void* host, size_t bytes) override { std::memcpy(device, host, bytes); }
  void copy_out(void* host, const void* device, size_t bytes) override { std::memcpy(host, device, bytes); }
  void keep_until_done(std::shared_ptr<void>) override {}
  void synchronize() override {}
  double measure(const std::function<void()>& work) override {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
  uint64_t record_event() override { return ++events_; }
  void wait_event(uint64_t) override {}

  const KernelTable* kernels(std::string_view isa) const override {
    if (isa.empty()) return &isa_.kernels;
    for (const IsaTable& table : isa_tables()) {
      if (isa == table.name) return &table.kernels;
    }
    return nullptr;
  }
  const char* isa() const noexcept override { return isa_.name; }

  void run(const Implementation& implementation, const void* problem, void* const* operands, void* workspace,
           const void* packed, const StepBlock* step) override {
    CpuContext context(*pool_, scratch_);
    context.step = step;
    context.workspace = workspace;
    context.packed = packed;
    implementation.run(problem, operands, context);
    context.rethrow();
  }

  FaultCheck take_check() override { return {}; }
  void read_checks() override {}

  void pack(const Implementation& implementation, const void* problem, const void* source,
            void* packed) override {
    CpuContext context(*pool_, scratch_);
    implementation.pack(problem, source, packed, context);
  }

  bool records() const noexcept override { return false; }
  std::unique_ptr<RecordedWork> record(const std::function<void()>&) override { return nullptr; }

  int threads() const noexcept override { return threads_; }
  void set_threads(int threads) override {
    scratch_.resize(std::max(scratch_.size(), static_cast<size_t>(threads)));
    pool_ = std::make_unique<Pool>(threads);  // the former stays when this one cannot be had
    threads_ = threads;
  }

 private:
  const IsaTable& isa_;
  std::unique_ptr<Pool> pool_;
  std::vector<std::pair<void*, size_t>> scratch_;
  HugePages huge_pages_;
  uint64_t events_ = 0;
  std::atomic<int> threads_{1};
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

std::vector<const char*> available_isas() {
  std::vector<const char*> names;
  for (const IsaTable& table : isa_tables()) names.push_back(table.name);
  return names;
}

Implementation reference64(KernelId id) {
#define LAPIDARY_KERNEL(name, Args) \
  case KernelId::name:              \
    return base::name##_ref64();
  switch (id) {
#include "ops/kernels.def"
  }
#undef LAPIDARY_KERNEL
  fail(ErrorCode::Internal, "no such kernel");
}

}  // namespace lapidary::cpu
