#include "core/device.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cpu/cpu_backend.h"
#include "cuda/cuda_backend.h"

namespace lapidary {

namespace {

// The device's threads run this library's code until the process ends. Node closes the library with the last
// environment that loaded it (say, a worker thread), and must not unmap it then.
void stay_loaded() {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&stay_loaded), &self) && self.dli_fname) {
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
}

}  // namespace

CallContext& call_context() {
  static thread_local CallContext context;
  return context;
}

namespace {

std::atomic<Device*> cuda_device{nullptr};

}  // namespace

Device& Device::cpu() {
  static Device* const device = [] {  // leaked on purpose
    stay_loaded();
    return new Device(cpu::make_cpu_backend());
  }();
  return *device;
}

Device& Device::cuda() {
  const std::lock_guard lock(enqueue_lock());
  if (!cuda_device) cuda_device = new Device(cuda::make_cuda_backend());
  return *cuda_device;
}

std::vector<Device*> Device::all() {
  std::vector<Device*> made{&cpu()};
  if (Device* const device = cuda_device) made.push_back(device);
  return made;
}

std::recursive_mutex& Device::enqueue_lock() {
  static auto& lock = *new std::recursive_mutex;
  return lock;
}

Device::Device(std::unique_ptr<Backend> backend)
    : backend_(std::move(backend)), allocator_(*backend_), stream_(*backend_, verbose) {
  const char* setting = std::getenv("LAPIDARY_VERBOSE");
  verbose = setting && *setting && std::string_view(setting) != "0";
  allocator_.relieve = [this] {
    drop_all_packed();
    stream_.wait();
  };
}

std::shared_ptr<void> Device::stage(const void* host, size_t bytes) {
  const size_t size = std::max<size_t>((bytes + 4095) / 4096 * 4096, 4096);
  void* block = nullptr;
  size_t capacity = size;  // a block from the free list may be larger
  {
    std::unique_lock lock(staging_mutex_);
    const auto room = [&] { return staged_ == 0 || staged_ + size <= kStagingLimit; };
    if (!room()) {
      if (verbose) std::fprintf(stderr, "lapidary,wait,staging,%zu bytes waiting\n", staged_);
      lock.unlock();
      stream_.fence([] {});  // a backend that keeps blocks until copies are done lets go of them there
      lock.lock();
      staging_room_.wait(lock, room);
    }
    staged_ += size;
    const auto found = staging_free_.lower_bound(size);
    if (found != staging_free_.end() && found->first <= 2 * size) {
      block = found->second;
      capacity = found->first;
      staging_kept_ -= capacity;
      staging_free_.erase(found);
    }
  }
  const auto give_up = [&] {
    {
      std::lock_guard lock(staging_mutex_);
      staged_ -= size;
    }
    staging_room_.notify_all();
  };
  try {
    if (!block) block = backend_->allocate_host(size);
  } catch (...) {
    give_up();
    throw;
  }
  if (!block) {
    give_up();
    fail(ErrorCode::OutOfMemory, "expected %zu bytes of host memory for staging", bytes);
  }
  std::memcpy(block, host, bytes);
  return {block, [this, size, capacity](void* staged) {
            {
              std::lock_guard lock(staging_mutex_);
              staged_ -= size;
              if (staging_kept_ + capacity <= kStagingLimit / 4) {
                staging_free_.emplace(capacity, staged);
                staging_kept_ += capacity;
                staged = nullptr;
              }
            }
            if (staged) backend_->release_host(staged);
            staging_room_.notify_all();
          }};
}

void Device::submit(Task task) {
  const CallContext& call = call_context();
  if (call.recording) call.recording->expect_device(*this);
  const auto profile = call.profile ? call.profile->shared_from_this() : nullptr;
  const auto shared = std::make_shared<const Task>(std::move(task));
  stream_.enqueue(std::span(&shared, 1), profile);
  if (call.recording) call.recording->record(shared);
}

Device::PackedFilter Device::packed_filter(const Implementation& implementation, std::string_view isa,
                                           const std::shared_ptr<const void>& problem, Storage& filter) {
  const std::string format =
      std::string(isa) + ":" + implementation.packed_format + implementation.packed_extents(problem.get());
  Capture* const recording = call_context().recording;
  PackedForms& forms = recording ? recording->packed() : packed_;
  PackedForm* form = &forms[filter.id()][format];
  if (!form->block.data) {
    const size_t bytes = implementation.packed_bytes(problem.get());
    Block block;
    if (recording) {
      block = recording->pool()->allocate(bytes);
    } else {
      filter.packed = true;
      block = allocator_.allocate(bytes);
      allocator_.count_packed(static_cast<ptrdiff_t>(block.size));
    }
    // Allocation may run `relieve`, which drops the cache: look the form up again.
    form = &forms[filter.id()][format];
    *form = PackedForm{0, block, nullptr};
  }
  if (!form->health || form->version != filter.version()) {
    form->version = filter.version();
    form->health = std::make_shared<Health>();
    Task task;
    task.name = std::string("pack ") + implementation.packed_format;
    task.inputs = {filter.health()};
    task.outputs = {form->health};
    task.environment = call_context().environment;
    task.run = [this, implementation, problem, source = filter.data(), target = form->block.data] {
      backend_->pack(implementation, problem.get(), source, target);
    };
    if (recording) recording->touch(filter, false);
    submit(std::move(task));
  }
  return {form->block.data, form->health};
}

void Device::when_ready(std::function<void()> done) {
  stream_.when(
      [this](size_t queued) {
        std::lock_guard lock(staging_mutex_);
        return queued <= Stream::kQueueLimit / 2 && staged_ <= kStagingLimit / 2;
      },
      std::move(done));
}

void Device::forget(EnvironmentId environment) {
  stream_.drop(environment);
  stream_.call(environment, [this, environment] {
    const auto found = step_blocks_.find(environment);
    if (found == step_blocks_.end()) return;
    stream_.settle();  // kernels read it; nothing runs on a device that has failed
    backend_->release(found->second, sizeof(StepBlock));
    step_blocks_.erase(found);
  });
}

StepBlock* Device::step_block(EnvironmentId environment) {
  StepBlock*& block = step_blocks_[environment];
  if (!block) {
    void* const memory = backend_->allocate(sizeof(StepBlock));
    if (!memory) throw std::bad_alloc();
    const StepBlock zero;
    backend_->copy_in(memory, &zero, sizeof zero);
    block = static_cast<StepBlock*>(memory);
  }
  return block;
}

void Device::set_step(EnvironmentId environment, int64_t slot, double value) {
  StepBlock* const block = step_block(environment);  // device memory: only its addresses are for us
  if (slot >= 0) {
    const auto scalar = static_cast<float>(value);
    backend_->copy_in(block->scalars.data() + slot, &scalar, sizeof scalar);
  } else {
    const auto count = static_cast<int64_t>(value);
    backend_->copy_in(slot == kStepSlot ? &block->step : &block->epoch, &count, sizeof count);
  }
}

void Device::drop_packed(uint64_t storage_id) {
  const auto found = packed_.find(storage_id);
  if (found == packed_.end()) return;
  for (auto& [format, form] : found->second) {
    if (!form.block.data) continue;
    allocator_.count_packed(-static_cast<ptrdiff_t>(form.block.size));
    allocator_.release(form.block);
  }
  packed_.erase(found);
}

void Device::drop_all_packed() {
  while (!packed_.empty()) drop_packed(packed_.begin()->first);
}

}  // namespace lapidary
