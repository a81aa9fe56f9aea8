// Kernels on host arrays, for tests and bench: any implementation of any instruction set, and ref<double>.
#include "bindings/kernel_bindings.h"

#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include "bindings/arguments.h"
#include "cpu/cpu_backend.h"
#include "cuda/software_counters.h"

namespace lapidary {
namespace {

KernelId kernel_argument(const Napi::CallbackInfo& info, size_t index) {
  const std::string name = string_argument(info, index, "kernel");
  for (int id = 0; id < kKernelCount; ++id) {
    if (name == kernel_info(static_cast<KernelId>(id)).name) return static_cast<KernelId>(id);
  }
  fail(ErrorCode::Argument, "expected the name of a kernel (see kernels()), got '%s'", name.c_str());
}

Operands checked_operands(KernelId id, const void* problem) {
  Operands operands = kernel_info(id).operands(problem);
  for (const Operand& operand : operands) {
    if (operand.count < 0 || operand.count > kMostElements) {
      fail(ErrorCode::Shape, "problem '%s' has no sensible operand %s", kernel_info(id).text(problem).c_str(),
           operand.name);
    }
  }
  return operands;
}

/// The device that has an implementation "isa:name"; ref64 and what is unknown belong to the CPU.
Device& device_of(std::string_view implementation) {
  return implementation.starts_with("cuda:") ? Device::cuda() : Device::cpu();
}

Implementation find_implementation(KernelId id, const void* problem, const std::string& wanted) {
  if (wanted == "ref64") return cpu::reference64(id);
  const size_t colon = wanted.find(':');
  const KernelTable* table = device_of(wanted).backend().kernels(wanted.substr(0, colon));
  if (colon != std::string::npos && table) {
    for (const Implementation& candidate : (*table)[static_cast<size_t>(id)]) {
      if (wanted.substr(colon + 1) != candidate.name) continue;
      const std::string refusal = candidate.supports(problem);
      if (!refusal.empty())
        fail(ErrorCode::Unsupported, "%s does not take this problem: %s", wanted.c_str(), refusal.c_str());
      return candidate;
    }
  }
  fail(ErrorCode::Argument, "expected 'ref64' or 'isa:implementation' of this kernel, got '%s'",
       wanted.c_str());
}

Napi::Value kernels(const Napi::CallbackInfo& info, Environment&) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (int id = 0; id < kKernelCount; ++id)
    names[static_cast<uint32_t>(id)] = kernel_info(static_cast<KernelId>(id)).name;
  return names;
}

Napi::Value kernel_operands(const Napi::CallbackInfo& info, Environment&) {
  const KernelId id = kernel_argument(info, 0);
  const auto problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  Napi::Array list = Napi::Array::New(info.Env());
  uint32_t index = 0;
  for (const Operand& operand : checked_operands(id, problem.get())) {
    Napi::Object row = Napi::Object::New(info.Env());
    row["name"] = operand.name;
    row["dtype"] = dtype_name(operand.dtype);
    row["count"] = static_cast<double>(operand.count);
    row["role"] = operand.role == Role::In ? "in" : operand.role == Role::Out ? "out" : "inout";
    list[index++] = row;
  }
  return list;
}

/// Of the environment's device.
Napi::Value kernel_implementations(const Napi::CallbackInfo& info, Environment& environment) {
  const KernelId id = kernel_argument(info, 0);
  const auto problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  double operand_bytes = 0;
  for (const Operand& operand : checked_operands(id, problem.get()))
    operand_bytes += operand_traffic(operand);
  Napi::Array list = Napi::Array::New(info.Env());
  uint32_t index = 0;
  Device& device = *environment.context.device;
  const bool on_cpu = &device == &Device::cpu();
  for (const char* isa : on_cpu ? cpu::available_isas() : std::vector<const char*>{device.backend().isa()}) {
    for (const Implementation& candidate : (*device.backend().kernels(isa))[static_cast<size_t>(id)]) {
      Napi::Object row = Napi::Object::New(info.Env());
      row["isa"] = isa;
      row["name"] = candidate.name;
      const std::string refusal = candidate.supports(problem.get());
      row["refusal"] = refusal;
      row["traffic"] =
          candidate.traffic && refusal.empty() ? candidate.traffic(problem.get()) : operand_bytes;
      list[index++] = row;
    }
  }
  return list;
}

Napi::Value kernel_problem(const Napi::CallbackInfo& info, Environment&) {
  const KernelId id = kernel_argument(info, 0);
  const auto problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  double bytes = 0;
  for (const Operand& operand : checked_operands(id, problem.get())) bytes += operand_traffic(operand);
  Napi::Object described = Napi::Object::New(info.Env());
  described["text"] = kernel_info(id).text(problem.get());
  described["flops"] = kernel_info(id).flops(problem.get());
  described["bytes"] = bytes;
  return described;
}

/// The host memory behind a list of typed arrays, one an operand; null where the problem lacks it.
std::vector<std::span<uint8_t>> operand_arrays(const Napi::Value& list, const Operands& operands, bool wide) {
  if (!list.IsArray() || list.As<Napi::Array>().Length() != operands.size()) {
    fail(ErrorCode::Argument, "expected a list of %zu operands", operands.size());
  }
  const auto arrays = list.As<Napi::Array>();
  // All values first: a getter among them may detach the memory of another.
  std::vector<Napi::Value> values;
  for (uint32_t index = 0; index < operands.size(); ++index) values.push_back(arrays[index]);
  std::vector<std::span<uint8_t>> memory(operands.size());
  for (uint32_t index = 0; index < operands.size(); ++index) {
    const Operand& operand = operands[index];
    if (operand.count == 0) continue;
    std::span<const uint8_t> bytes;
    size_t size = dtype_size(operand.dtype);
    if (wide && operand.dtype == DType::F32) {
      const auto doubles = array_argument<double>(values[index], napi_float64_array, operand.name);
      bytes = {reinterpret_cast<const uint8_t*>(doubles.data()), doubles.size_bytes()};
      size = sizeof(double);
    } else {
      bytes = host_argument(values[index], operand.dtype, operand.name);
    }
    if (bytes.size() != static_cast<size_t>(operand.count) * size) {
      fail(ErrorCode::Shape, "expected %lld elements for %s, got %zu", static_cast<long long>(operand.count),
           operand.name, bytes.size() / size);
    }
    memory[index] = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  }
  return memory;
}

/// A block as tensors have them.
class DeviceBlock {
 public:
  DeviceBlock(Backend& backend, size_t bytes) : backend_(backend), bytes_(bytes) {
    if (bytes_ == 0) return;
    block_ = backend_.allocate(bytes_);
    if (!block_) throw std::bad_alloc();
  }
  DeviceBlock(DeviceBlock&& other) noexcept
      : backend_(other.backend_), bytes_(other.bytes_), block_(std::exchange(other.block_, nullptr)) {}
  ~DeviceBlock() {
    if (block_) backend_.release(block_, bytes_);
  }
  void* data() const noexcept { return block_; }

 private:
  Backend& backend_;
  size_t bytes_;
  void* block_ = nullptr;
};

/// Runs an implementation to its end. Throws what it faulted with.
void run_once(Device& device, EnvironmentId environment, const Implementation& implementation,
              const void* problem, void* const* pointers) {
  Backend& backend = device.backend();
  const DeviceBlock workspace(backend, implementation.workspace ? implementation.workspace(problem) : 0);
  const DeviceBlock packed(backend, implementation.packed_bytes ? implementation.packed_bytes(problem) : 0);
  if (packed.data()) {
    backend.pack(implementation, problem, pointers[static_cast<size_t>(implementation.packed_operand)],
                 packed.data());
  }
  backend.run(implementation, problem, pointers, workspace.data(), packed.data(),
              device.step_block(environment));
  backend.synchronize();
  backend.read_checks();
  if (const FaultCheck check = backend.take_check()) {
    if (const auto fault = check()) throw Error(*fault);
  }
}

Napi::Value run_kernel(const Napi::CallbackInfo& info, Environment& environment) {
  const KernelId id = kernel_argument(info, 0);
  const std::shared_ptr<void> problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  const std::string wanted = string_argument(info, 2, "implementation");
  const Operands operands = checked_operands(id, problem.get());
  const Implementation implementation = find_implementation(id, problem.get(), wanted);
  const std::vector<std::span<uint8_t>> host = operand_arrays(info[3], operands, wanted == "ref64");
  Device& device = device_of(wanted);
  if (&device == &Device::cpu()) {
    std::vector<void*> pointers;
    pointers.reserve(host.size());
    for (const auto& memory : host) pointers.push_back(memory.data());
    device.stream().call(environment.id, [&] {
      run_once(device, environment.id, implementation, problem.get(), pointers.data());
    });
    return info.Env().Undefined();
  }
  device.stream().call(environment.id, [&] {
    Backend& backend = device.backend();
    std::vector<DeviceBlock> blocks;
    std::vector<void*> pointers;
    for (size_t index = 0; index < operands.size(); ++index) {
      blocks.emplace_back(backend, host[index].size());
      pointers.push_back(blocks.back().data());
      // Outputs too: what lies between their pixels stays as it is. The caller fills them with what no kernel
      // writes.
      if (!host[index].empty()) backend.copy_in(pointers[index], host[index].data(), host[index].size());
    }
    run_once(device, environment.id, implementation, problem.get(), pointers.data());
    for (size_t index = 0; index < operands.size(); ++index) {
      if (operands[index].role != Role::In && !host[index].empty())
        backend.copy_out(host[index].data(), pointers[index], host[index].size());
    }
  });
  return info.Env().Undefined();
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

Napi::Value time_kernel(const Napi::CallbackInfo& info, Environment& environment) {
  const KernelId id = kernel_argument(info, 0);
  const std::shared_ptr<void> problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  const Operands operands = checked_operands(id, problem.get());
  const Implementation implementation =
      find_implementation(id, problem.get(), string_argument(info, 2, "implementation"));
  const std::vector<std::span<uint8_t>> host = operand_arrays(info[3], operands, false);
  const auto least_runs = static_cast<size_t>(integer_argument(info, 4, "runs", 1, 1000000));
  const auto least_ms = static_cast<double>(integer_argument(info, 5, "milliseconds", 0, 60000));
  const int64_t cold_bytes = integer_argument(info, 6, "bytes that empty the caches", 0, int64_t{1} << 32);

  Device& device = device_of(string_argument(info, 2, "implementation"));
  Backend& backend = device.backend();
  double pack_ms = 0;
  std::vector<double> run_ms;
  device.stream().call(environment.id, [&] {
    std::vector<DeviceBlock> blocks;
    std::vector<void*> pointers;
    for (const auto& memory : host) {
      blocks.emplace_back(backend, memory.size());
      pointers.push_back(blocks.back().data());
      if (!memory.empty()) backend.copy_in(pointers.back(), memory.data(), memory.size());
    }
    const DeviceBlock workspace(backend,
                                implementation.workspace ? implementation.workspace(problem.get()) : 0);
    const DeviceBlock packed(backend,
                             implementation.packed_bytes ? implementation.packed_bytes(problem.get()) : 0);
    const DeviceBlock sweep(backend, static_cast<size_t>(cold_bytes));
    if (packed.data()) {
      const auto start = std::chrono::steady_clock::now();
      backend.pack(implementation, problem.get(),
                   pointers[static_cast<size_t>(implementation.packed_operand)], packed.data());
      pack_ms = milliseconds_since(start);
    }
    const Implementation& fill = (*backend.kernels({}))[static_cast<size_t>(KernelId::fill)].front();
    const auto sweep_problem =
        kernel_info(KernelId::fill).parse("count=" + std::to_string(std::max<int64_t>(1, cold_bytes / 4)));
    void* const sweep_operands[] = {sweep.data()};
    const auto began = std::chrono::steady_clock::now();
    constexpr size_t kWarmUp = 2, kMostRuns = 100000;
    for (size_t run = 0; run < kWarmUp + kMostRuns; ++run) {
      // A kernel that changes an operand begins each run with the same one: its numbers must not grow or
      // vanish.
      for (size_t index = 0; index < operands.size(); ++index) {
        if (operands[index].role == Role::InOut && !host[index].empty())
          backend.copy_in(pointers[index], host[index].data(), host[index].size());
      }
      if (cold_bytes > 0) {
        // By the whole pool: each core has caches of its own.
        backend.run(fill, sweep_problem.get(), sweep_operands, nullptr, nullptr,
                    device.step_block(environment.id));
        backend.synchronize();
      }
      const double ms = backend.measure([&] {
        backend.run(implementation, problem.get(), pointers.data(), workspace.data(), packed.data(),
                    device.step_block(environment.id));
      });
      backend.take_check();
      if (run >= kWarmUp) run_ms.push_back(ms);
      if (run_ms.size() >= least_runs && milliseconds_since(began) >= least_ms) break;
    }
  });
  Napi::Object timed = Napi::Object::New(info.Env());
  timed["packMs"] = pack_ms;
  Napi::Float64Array runs = Napi::Float64Array::New(info.Env(), run_ms.size());
  std::copy(run_ms.begin(), run_ms.end(), runs.Data());
  timed["runs"] = runs;
  return timed;
}

Napi::Value software_counters(const Napi::CallbackInfo& info, Environment&) {
  return Napi::String::New(info.Env(), cuda::software_counters());
}

Napi::Value clear_software_counters(const Napi::CallbackInfo& info, Environment&) {
  cuda::clear_software_counters();
  return info.Env().Undefined();
}

}  // namespace

void export_kernel_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("kernels", Napi::Function::New(env, guarded<kernels>));
  exports.Set("kernelOperands", Napi::Function::New(env, guarded<kernel_operands>));
  exports.Set("kernelImplementations", Napi::Function::New(env, guarded<kernel_implementations>));
  exports.Set("kernelProblem", Napi::Function::New(env, guarded<kernel_problem>));
  exports.Set("runKernel", Napi::Function::New(env, guarded<run_kernel>));
  exports.Set("timeKernel", Napi::Function::New(env, guarded<time_kernel>));
  exports.Set("softwareCounters", Napi::Function::New(env, guarded<software_counters>));
  exports.Set("clearSoftwareCounters", Napi::Function::New(env, guarded<clear_software_counters>));
}

}  // namespace lapidary
