// Stress of the stream, the allocator, captures and the worker pool without Node, for ThreadSanitizer.
//
//   npm run test:tsan          builds it with -fsanitize=thread and runs it
//   stress ROUNDS SEED         the program itself; prints what it did, ends with 1 when a value is wrong
//
// Each producer thread plays an environment: it enqueues work on tensors of its own under the device's lock,
// as the bindings do, checks values that it reads back, makes tasks fail, captures steps and replays them.
// Others change the number of threads and the memory limit, and stop environments in the middle of their
// work. The backend below is the CPU's pool without its kernels.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/device.h"
#include "core/tensor.h"
#include "cpu/cpu_backend.h"
#include "cpu/pool.h"

using namespace lapidary;

namespace {

class PoolBackend final : public Backend {
 public:
  PoolBackend() : pool_(std::make_unique<cpu::Pool>(2)) {}
  const char* name() const noexcept override { return "stress"; }
  void* allocate(size_t bytes) override { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); }
  void release(void* block, size_t) noexcept override { std::free(block); }
  void copy_in(void* device, const void* host, size_t bytes) override { std::memcpy(device, host, bytes); }
  void copy_out(void* host, const void* device, size_t bytes) override { std::memcpy(host, device, bytes); }
  uint64_t record_event() override { return ++events_; }
  void wait_event(uint64_t) override {}
  const KernelTable* kernels(std::string_view) const override { return nullptr; }
  const char* isa() const noexcept override { return "none"; }
  void run(const Implementation&, const void*, void* const*, void*, const void*, const StepBlock&) override {}
  void pack(const Implementation&, const void*, const void* source, void* packed) override {
    std::memcpy(packed, source, kFilter * sizeof(float));
  }
  int threads() const noexcept override { return threads_; }
  void set_threads(int threads) override {
    pool_ = std::make_unique<cpu::Pool>(threads);
    threads_ = threads;
  }
  cpu::Pool& pool() { return *pool_; }

  static constexpr int64_t kFilter = 64;

 private:
  std::unique_ptr<cpu::Pool> pool_;
  std::atomic<int> threads_{2};
  std::atomic<uint64_t> events_{0};
};

constexpr int64_t kChunk = 256;
std::atomic<long> faults{0}, replays{0}, refused{0}, checks{0};
std::atomic<bool> wrong{false};

void expect(bool holds, const char* what) {
  ++checks;
  if (holds) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  wrong = true;
}

/// What one environment does. Elements of a tensor are equal, so one number tells what they should be.
class Producer {
 public:
  Producer(Device& device, EnvironmentId id, unsigned seed) : device_(device), id_(id), random_(seed) {}

  void run(int rounds) {
    const float first = static_cast<float>(id_);
    Tensor sum;
    with_lock([&] { sum = filled(4096, first); });
    float wanted = first;
    for (int round = 0; round < rounds; ++round) {
      switch (random_() % 6) {
        case 0:
          with_lock([&] { add(sum, filled(4096, 1)); });
          wanted += 1;
          break;
        case 1:
          fail_once(sum);
          break;
        case 2:
          wanted += capture(sum);
          break;
        case 3:
          expect(read(sum) == wanted, "an element that was added up");
          break;
        case 4:
          temporaries();
          break;
        default:
          ask();
      }
    }
    expect(read(sum) == wanted, "the last element");
    with_lock([&] { sum = Tensor(); });
  }

 private:
  template <class Body>
  void with_lock(Body&& body) {
    std::lock_guard lock(device_.enqueue_lock());
    call_context() = context_;
    body();
  }

  cpu::Pool& pool() { return static_cast<PoolBackend&>(device_.backend()).pool(); }

  Task task(const char* name) {
    Task made;
    made.name = name;
    made.environment = id_;
    return made;
  }

  /// A kernel over chunks of the pool, as ops::launch makes them.
  void submit(Task made, const Tensor& target, std::initializer_list<Tensor> inputs,
              std::function<void(float*, int64_t)> body) {
    for (const Tensor& input : inputs) made.inputs.push_back(input.storage().health());
    if (context_.recording) {
      context_.recording->touch(target.storage(), true);
      for (const Tensor& input : inputs) context_.recording->touch(input.storage(), false);
    }
    made.run = [this, data = static_cast<float*>(target.storage().data()), count = target.count(),
                body = std::move(body)] {
      pool().parallel((count + kChunk - 1) / kChunk, [&](int64_t chunk, int) {
        const int64_t last = std::min(count, (chunk + 1) * kChunk);
        for (int64_t index = chunk * kChunk; index < last; ++index) body(data, index);
      });
    };
    device_.submit(std::move(made));
  }

  Tensor filled(int64_t count, float value) {
    const Tensor target = Tensor::empty(device_, {count});
    Task made = task("fill");
    made.outputs = {target.storage().health()};
    submit(std::move(made), target, {}, [value](float* data, int64_t index) { data[index] = value; });
    return target;
  }

  void add(const Tensor& target, const Tensor& term) {
    Task made = task("add");
    made.inputs = {target.storage().health()};
    made.changed = {target.storage().health()};
    submit(std::move(made), target, {term},
           [term = static_cast<const float*>(term.storage().data())](float* data, int64_t index) {
             data[index] += term[index];
           });
    target.storage().bump_version("add");
  }

  /// The value of the first element, after checking that all are equal.
  float read(const Tensor& tensor) {
    std::vector<float> host(static_cast<size_t>(tensor.count()));
    with_lock([&] {
      Task made = task("read");
      made.run = [this, &host, source = tensor.storage().data()] {
        device_.backend().copy_out(host.data(), source, host.size() * sizeof(float));
      };
      device_.submit(std::move(made));
    });
    device_.stream().wait();
    for (const float value : host) {
      if (value != host[0]) expect(false, "elements of one tensor differ");
    }
    return host[0];
  }

  /// A failing task poisons what it writes; work on that does not run, and a sum is left as it was.
  void fail_once(const Tensor& sum) {
    ++faults;
    with_lock([&] {
      const Tensor broken = Tensor::empty(device_, {100});
      Task made = task("fail");
      made.outputs = {broken.storage().health()};
      submit(std::move(made), broken, {}, [](float*, int64_t index) {
        if (index == 50) fail(ErrorCode::Index, "an index outside");
      });
      Task never = task("never");
      never.changed = {sum.storage().health()};
      submit(std::move(never), sum, {broken}, [](float* data, int64_t index) { data[index] = -1; });
    });
    device_.stream().wait();
    const auto fault = device_.stream().take_fault(id_);
    expect(fault && fault->code == ErrorCode::Index, "the fault of a failing task");
  }

  /// Adds to the sum in a captured step with temporaries and a packed filter, replays it, and gives it back.
  float capture(const Tensor& sum) {
    Capture* capture = nullptr;
    with_lock([&] {
      auto made = std::make_unique<Capture>(device_);
      capture = made.get();
      capture_ = std::move(made);
      context_.recording = capture;
      call_context() = context_;
      Tensor filter = filled(PoolBackend::kFilter, 2);
      Implementation implementation;
      implementation.packed_format = "copy";
      implementation.packed_extents = [](const void*) { return std::string("[64]"); };
      implementation.packed_bytes = [](const void*) {
        return static_cast<size_t>(PoolBackend::kFilter) * sizeof(float);
      };
      device_.packed_filter(implementation, "none", nullptr, filter.storage());
      for (int part = 0; part < 3; ++part) add(sum, filled(4096, 1));
      context_.recording = nullptr;
      capture->finish();
    });
    const int count = static_cast<int>(random_() % 20);
    for (int replay = 0; replay < count; ++replay) {
      with_lock([&] {
        capture->replay(0, capture->tasks(), nullptr);
        capture->bump_versions();
      });
      if (replay % 4 == 0) temporaries();
    }
    replays += count;
    with_lock([&] { capture_.reset(); });
    return 3.0f * static_cast<float>(count + 1);
  }

  /// Fills the queue, and the memory up to its limit.
  void temporaries() {
    try {
      with_lock([&] {
        std::vector<Tensor> kept;
        for (int index = 0; index < 40; ++index)
          kept.push_back(filled(1 + static_cast<int64_t>(random_() % 60000), 5));
      });
    } catch (const Error& error) {
      expect(error.code() == ErrorCode::OutOfMemory, "the error of a full memory");
      ++refused;
    }
  }

  void ask() {
    std::atomic<bool> done{false};
    device_.when_ready([&] { done = true; });
    device_.stream().wait();
    while (!done) std::this_thread::yield();
    (void)device_.allocator().counters();
    (void)device_.stream().queued();
    const float staged = 3;
    with_lock([&] {
      const Tensor target = Tensor::empty(device_, {1});
      Task made = task("write");
      made.outputs = {target.storage().health()};
      made.run = [this, host = device_.stage(&staged, sizeof staged), data = target.storage().data()] {
        device_.backend().copy_in(data, host.get(), sizeof(float));
      };
      device_.submit(std::move(made));
    });
  }

  Device& device_;
  const EnvironmentId id_;
  std::mt19937 random_;
  CallContext context_{id_, {}, {}, {}, nullptr, nullptr};
  std::unique_ptr<Capture> capture_;
};

/// An environment that ends in the middle of its work.
void end_abruptly(Device& device, EnvironmentId id) {
  {
    std::lock_guard lock(device.enqueue_lock());
    call_context() = CallContext{id, {}, {}, {}, nullptr, nullptr};
    Tensor tensor = Tensor::empty(device, {1000});
    for (int index = 0; index < 200; ++index) {
      Task task;
      task.name = "dropped";
      task.environment = id;
      task.outputs = {tensor.storage().health()};
      task.run = [data = static_cast<float*>(tensor.storage().data())] { data[0] += 1; };
      device.submit(std::move(task));
    }
  }
  device.forget(id);
}

}  // namespace

// The engine's device is not used here.
std::unique_ptr<Backend> cpu::make_cpu_backend() { return std::make_unique<PoolBackend>(); }

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 200;
  const auto seed = static_cast<unsigned>(count > 2 ? std::atoi(arguments[2]) : 1);
  for (int life = 0; life < 3; ++life) {
    Device device(std::make_unique<PoolBackend>());
    device.allocator().set_limit(size_t{24} << 20);
    {
      std::atomic<bool> stop{false};
      std::vector<std::thread> producers;
      for (unsigned id = 1; id <= 4; ++id)
        producers.emplace_back([&, id] { Producer(device, id, seed * 100 + id).run(rounds); });
      std::thread disturber([&] {
        std::mt19937 random(seed);
        for (EnvironmentId id = 100; !stop; ++id) {
          const int threads = 1 + static_cast<int>(random() % 4);
          device.stream().call(99, [&] { device.backend().set_threads(threads); });
          device.allocator().set_limit((size_t{3} << 20) + random() % (size_t{8} << 20));
          end_abruptly(device, id);
          std::this_thread::yield();
        }
      });
      for (std::thread& producer : producers) producer.join();
      stop = true;
      disturber.join();
    }
    expect(device.allocator().counters().active == 0, "memory is still in use");
    // Shutdown in the middle of work: what is queued is dropped, what runs is waited for.
    std::thread late([&] {
      try {
        for (;;) {
          Task task;
          task.name = "late";
          task.run = [&] {
            static_cast<PoolBackend&>(device.backend()).pool().parallel(8, [](int64_t, int) {});
          };
          device.stream().enqueue(std::move(task));
        }
      } catch (const Error& error) {
        expect(error.code() == ErrorCode::Aborted, "the error after the stream has stopped");
      }
    });
    device.stream().call(99, [] {});
    device.stream().stop();
    late.join();
  }
  std::printf("%ld checks, %ld faults, %ld replays, %ld refusals of memory\n", checks.load(), faults.load(),
              replays.load(), refused.load());
  return wrong ? 1 : 0;
}
