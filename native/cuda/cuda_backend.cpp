#include "cuda/cuda_backend.h"

#include <atomic>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>

#include "cuda/driver_api.h"
#include "cuda/kernel_image.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {

// Every kernel list, defined in cuda/kernels/*.cpp.
#define LAPIDARY_KERNEL(name, Args) ImplementationList name();
#include "ops/kernels.def"
#undef LAPIDARY_KERNEL

namespace {

CUdeviceptr address(const void* device) { return reinterpret_cast<CUdeviceptr>(device); }

const KernelTable& kernel_table() {
#define LAPIDARY_KERNEL(name, Args) name(),
  static const KernelTable table = {
#include "ops/kernels.def"
  };
#undef LAPIDARY_KERNEL
  return table;
}

class CudaBackend final : public Backend, private LaunchContext::Launcher {
 public:
  CudaBackend() : image_(KernelImage::path()) {
    api_.call(api_.init, 0u);
    int devices = 0;
    api_.call(api_.device_count, &devices);
    if (devices == 0) fail(ErrorCode::Device, "the CUDA driver %s knows no device", api_.library().c_str());
    CUdevice device = 0;
    api_.call(api_.device_get, &device, 0);
    char name[256] = {};
    api_.call(api_.device_name, name, static_cast<int>(sizeof name), device);
    description_ = format("%s, sm_%d%d", name, attribute(device, DeviceAttribute::ComputeMajor),
                          attribute(device, DeviceAttribute::ComputeMinor));
    api_.call(api_.retain_context, &context_, device);
    bind();
    api_.call(api_.create_stream, &stream_, kStreamNonBlocking);
    fault_words_ = static_cast<FaultWord*>(allocate(kFaultWords * sizeof(FaultWord)));
    if (!fault_words_) fail(ErrorCode::OutOfMemory, "%s has no memory left", description_.c_str());
    api_.call(api_.set_words, address(fault_words_), ~0u, kFaultWords * 2, stream_);
    // Before anything is enqueued: an image of another architecture is found out here.
    image_.function(api_, {"fill", "fill"}, 0);
  }
  // Lives as long as the process: the driver may be gone before its destructor would run.
  ~CudaBackend() override = default;

  const char* name() const noexcept override { return "cuda"; }
  std::string description() const override { return description_; }

  void* allocate(size_t bytes) override {
    bind();
    CUdeviceptr block = 0;
    const CUresult result = api_.allocate.function(&block, std::max<size_t>(bytes, 1));
    if (result == kOutOfMemory) return nullptr;
    check(result, api_.allocate.name);
    return reinterpret_cast<void*>(block);
  }
  void release(void* block, size_t) noexcept override {
    if (api_.set_context.function(context_) == kSuccess) api_.release.function(address(block));
  }
  void* allocate_host(size_t bytes) override {
    bind();
    void* block = nullptr;
    const CUresult result = api_.allocate_host.function(&block, bytes, 0);
    if (result == kOutOfMemory) return nullptr;
    check(result, api_.allocate_host.name);
    return block;
  }
  void release_host(void* block) noexcept override {
    if (api_.set_context.function(context_) == kSuccess) api_.release_host.function(block);
  }
  size_t memory_limit() const override {
    size_t free = 0, total = 0;
    api_.call(api_.set_context, context_);
    api_.call(api_.memory_info, &free, &total);
    return free / 20 * 19;
  }

  void copy_in(void* device, const void* host, size_t bytes) override {
    bind();
    check(api_.copy_in.function(address(device), host, bytes, stream_), api_.copy_in.name);
  }
  void copy_out(void* host, const void* device, size_t bytes) override {
    bind();
    check(api_.copy_out.function(host, address(device), bytes, stream_), api_.copy_out.name);
    synchronize();
  }

  void keep_until_done(std::shared_ptr<void> kept) override {
    bind();
    drop_done();
    CUevent event = nullptr;
    check(api_.create_event.function(&event, kEventDisableTiming), api_.create_event.name);
    const CUresult result = api_.record_event.function(event, stream_);
    kept_.push_back({event, std::move(kept)});
    check(result, api_.record_event.name);
  }

  void synchronize() override {
    try {
      bind();
      check(api_.synchronize_stream.function(stream_), api_.synchronize_stream.name);
    } catch (const Error&) {
      if (failed_) kept_.clear();  // a lost device copies nothing any more
      throw;
    }
    drop_done();
  }

  double measure(const std::function<void()>& work) override {
    bind();
    const Event start(*this), end(*this);
    check(api_.record_event.function(start.handle, stream_), api_.record_event.name);
    work();
    check(api_.record_event.function(end.handle, stream_), api_.record_event.name);
    synchronize();
    float milliseconds = 0;
    check(api_.elapsed.function(&milliseconds, start.handle, end.handle), api_.elapsed.name);
    return milliseconds;
  }

  // Nothing to wait for: one in-order stream.
  uint64_t record_event() override { return ++events_; }
  void wait_event(uint64_t) override {}

  const KernelTable* kernels(std::string_view isa) const override {
    return isa.empty() || isa == "cuda" ? &kernel_table() : nullptr;
  }
  const char* isa() const noexcept override { return "cuda"; }

  void run(const Implementation& implementation, const void* problem, void* const* operands, void* workspace,
           const void*, const StepBlock* step) override {
    bind();
    LaunchContext context(*this);
    context.step = step;
    context.workspace = workspace;
    implementation.run(problem, operands, context);
  }

  FaultCheck take_check() override {
    if (reported_.empty()) return {};
    return [this, reported = std::exchange(reported_, {})]() -> std::unique_ptr<Error> {
      for (const Reported& each : reported) {
        const FaultWord value = seen_words_[*each.word];
        if (value == kNoFault) continue;
        return std::make_unique<Error>(each.describe(static_cast<uint32_t>(value >> 32),
                                                     static_cast<int32_t>(static_cast<uint32_t>(value))));
      }
      return nullptr;
    };
  }

  void read_checks() override {
    size_t used = 0;
    {
      const std::lock_guard lock(words_mutex_);
      used = used_words_;
    }
    if (used == 0) return;
    copy_out(seen_words_.data(), fault_words_, used * sizeof(FaultWord));
    for (size_t word = 0; word < used; ++word) {
      if (seen_words_[word] == kNoFault) continue;
      check(api_.set_words.function(address(fault_words_ + word), ~0u, 2, stream_), api_.set_words.name);
    }
  }

  void pack(const Implementation&, const void*, const void*, void*) override {
    fail(ErrorCode::Internal, "no CUDA kernel packs its filter");
  }

  bool records() const noexcept override { return true; }
  std::unique_ptr<RecordedWork> record(const std::function<void()>& work) override;

  int threads() const noexcept override { return 1; }
  void set_threads(int) override {}

 private:
  static constexpr size_t kFaultWords = 4096;
  static constexpr FaultWord kNoFault = ~FaultWord{0};

  /// A fault word that a launch writes, and how to say what it holds.
  struct Reported {
    std::shared_ptr<const size_t> word;  ///< its place; freed with its last owner
    DescribeFault describe;
  };
  /// An event that takes the time.
  struct Event {
    explicit Event(CudaBackend& owner) : backend(owner) {
      backend.check(backend.api_.create_event.function(&handle, 0), backend.api_.create_event.name);
    }
    ~Event() { backend.api_.destroy_event.function(handle); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    CudaBackend& backend;
    CUevent handle = nullptr;
  };
  struct Kept {
    CUevent event;
    std::shared_ptr<void> owned;
  };
  class Graph;

  /// Makes the context that of the calling thread. Throws when the device has failed.
  void bind() const {
    if (failed_) fail(ErrorCode::Device, "%s", failure_.c_str());
    api_.call(api_.set_context, context_);
  }

  /// A fault of a kernel fails the device for good: the context is lost, this process is not.
  void check(CUresult result, const char* what) {
    if (result == kSuccess) return;
    if (DriverApi::sticky(result) && !failed_) {
      failure_ = format("%s has failed: %s; work on it is lost, start the process again",
                        description_.c_str(), api_.describe(result).c_str());
      failed_ = true;
    }
    if (failed_) fail(ErrorCode::Device, "%s", failure_.c_str());
    api_.check(result, what);
  }

  int attribute(CUdevice device, DeviceAttribute which) const {
    int value = 0;
    api_.call(api_.device_attribute, &value, static_cast<int>(which), device);
    return value;
  }

  void drop_done() {
    while (!kept_.empty() && api_.query_event.function(kept_.front().event) == kSuccess) {
      api_.destroy_event.function(kept_.front().event);
      kept_.pop_front();
    }
  }

  // Launcher:
  void launch(Kernel kernel, Extent grid, Extent block, size_t shared_bytes, void* parameters) override {
    constexpr int64_t kMostX = std::numeric_limits<int32_t>::max(), kMostYZ = 65535;
    if (grid.x < 1 || grid.x > kMostX || grid.y < 1 || grid.y > kMostYZ || grid.z < 1 || grid.z > kMostYZ) {
      fail(ErrorCode::Unsupported, "%.*s: a grid of %lld x %lld x %lld blocks is beyond what CUDA can start",
           static_cast<int>(kernel.function.size()), kernel.function.data(), static_cast<long long>(grid.x),
           static_cast<long long>(grid.y), static_cast<long long>(grid.z));
    }
    const auto extent = [](int64_t value) { return static_cast<unsigned>(value); };
    const CUfunction function = image_.function(api_, kernel, shared_bytes);
    void* list[] = {parameters};
    check(api_.launch.function(function, extent(grid.x), extent(grid.y), extent(grid.z), extent(block.x),
                               extent(block.y), extent(block.z), extent(static_cast<int64_t>(shared_bytes)),
                               stream_, list, nullptr),
          std::string(kernel.function).c_str());
  }

  FaultWord* fault_word(DescribeFault describe) override {
    reported_.push_back({take_word(), std::move(describe)});
    return fault_words_ + *reported_.back().word;
  }

  void copy_from_host(void* device, std::shared_ptr<void> host, size_t bytes) override {
    copy_in(device, host.get(), bytes);
    if (recording_)
      recording_->push_back(std::move(host));
    else
      keep_until_done(std::move(host));
  }

  void set_zero(void* device, size_t bytes) override {
    check(api_.set_words.function(address(device), 0u, bytes / 4, stream_), api_.set_words.name);
  }

  std::shared_ptr<const size_t> take_word() {
    const std::lock_guard lock(words_mutex_);
    if (free_words_.empty()) {
      if (used_words_ == kFaultWords)
        fail(ErrorCode::Unsupported, "more than %zu kernels that check their data are under way or recorded",
             kFaultWords);
      free_words_.push_back(used_words_++);
    }
    const auto* const word = new size_t(free_words_.back());
    free_words_.pop_back();
    return {word, [this](const size_t* freed) {
              const std::lock_guard guard(words_mutex_);
              free_words_.push_back(*freed);
              delete freed;
            }};
  }

  DriverApi api_;
  KernelImage image_;
  std::string description_;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  std::atomic<bool> failed_{false};
  std::string failure_;

  // Of the driver thread:
  std::deque<Kept> kept_;
  uint64_t events_ = 0;
  FaultWord* fault_words_ = nullptr;
  std::vector<FaultWord> seen_words_ = std::vector<FaultWord>(kFaultWords, kNoFault);  // by read_checks()
  std::vector<Reported> reported_;  // by what has run since take_check()
  std::vector<std::shared_ptr<void>>* recording_ =
      nullptr;  // host memory that the graph in the making copies from

  std::mutex words_mutex_;  // graphs end on any thread
  size_t used_words_ = 0;
  std::vector<size_t> free_words_;
};

/// Recorded work as a CUDA graph.
class CudaBackend::Graph final : public RecordedWork {
 public:
  Graph(CudaBackend& backend, const std::function<void()>& work) : backend_(backend) {
    const DriverApi& api = backend_.api_;
    std::vector<Reported> before = std::exchange(backend_.reported_, {});
    backend_.recording_ = host_.get();
    std::exception_ptr failure;
    CUgraph graph = nullptr;
    api.call(api.begin_capture, backend_.stream_, kCaptureRelaxed);
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    const CUresult ended = api.end_capture.function(backend_.stream_, &graph);
    backend_.recording_ = nullptr;
    reported_ = std::exchange(backend_.reported_, std::move(before));
    if (!failure && ended == kSuccess) {
      const CUresult made = api.instantiate.function(&executable_, graph, 0ull);
      api.destroy_graph.function(graph);
      api.check(made, api.instantiate.name);
      return;
    }
    if (graph) api.destroy_graph.function(graph);
    if (failure) std::rethrow_exception(failure);
    api.check(ended, api.end_capture.name);
  }

  ~Graph() override {
    // The device may be running it still: the driver keeps what is in flight.
    if (executable_ && backend_.api_.set_context.function(backend_.context_) == kSuccess)
      backend_.api_.destroy_graph_exec.function(executable_);
  }

  void run() override {
    backend_.bind();
    backend_.check(backend_.api_.launch_graph.function(executable_, backend_.stream_),
                   backend_.api_.launch_graph.name);
    for (const Reported& each : reported_) backend_.reported_.push_back(each);
    if (!host_->empty()) backend_.keep_until_done(host_);  // beyond this graph's own end
  }

 private:
  CudaBackend& backend_;
  CUgraphExec executable_ = nullptr;
  const std::shared_ptr<std::vector<std::shared_ptr<void>>> host_ =
      std::make_shared<std::vector<std::shared_ptr<void>>>();
  std::vector<Reported> reported_;
};

std::unique_ptr<RecordedWork> CudaBackend::record(const std::function<void()>& work) {
  bind();
  return std::make_unique<Graph>(*this, work);
}

}  // namespace

std::unique_ptr<Backend> make_cuda_backend() { return std::make_unique<CudaBackend>(); }

Survey survey() {
  Survey found;
  try {
    const DriverApi api;
    found.driver = api.library();
    api.call(api.init, 0u);
    api.call(api.driver_version, &found.driver_version);
    int count = 0;
    api.call(api.device_count, &count);
    for (int index = 0; index < count; ++index) {
      Survey::Device device;
      CUdevice handle = 0;
      api.call(api.device_get, &handle, index);
      char name[256] = {};
      api.call(api.device_name, name, static_cast<int>(sizeof name), handle);
      device.name = name;
      const auto attribute = [&](DeviceAttribute which) {
        int value = 0;
        api.call(api.device_attribute, &value, static_cast<int>(which), handle);
        return value;
      };
      device.major = attribute(DeviceAttribute::ComputeMajor),
      device.minor = attribute(DeviceAttribute::ComputeMinor);
      device.multiprocessors = attribute(DeviceAttribute::Multiprocessors);
      api.call(api.device_memory, &device.bytes, handle);
      found.devices.push_back(device);
    }
    if (found.devices.empty()) fail(ErrorCode::Device, "the driver knows no device");
  } catch (const Error& error) {
    found.problem = error.what();
  }
  found.image = KernelImage::path();
  try {
    const KernelImage image(found.image);
    found.architectures = image.architectures();
    found.ptx = image.ptx_version();
  } catch (const Error& error) {
    found.image_problem = error.what();
  }
  return found;
}

}  // namespace lapidary::cuda
