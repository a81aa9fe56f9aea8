// Kernels on host arrays, for tests and bench: any implementation of any instruction set, and ref<double>.
#include "bindings/kernel_bindings.h"

#include <cstdlib>

#include "bindings/arguments.h"
#include "cpu/cpu_backend.h"

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

struct FreeDeleter {
  void operator()(void* block) const noexcept { std::free(block); }
};
using HostBlock = std::unique_ptr<void, FreeDeleter>;

HostBlock aligned_block(size_t bytes) {
  if (bytes == 0) return nullptr;
  HostBlock block(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  if (!block) throw std::bad_alloc();
  return block;
}

Implementation find_implementation(KernelId id, const void* problem, const std::string& wanted) {
  if (wanted == "ref64") return cpu::reference64(id);
  const size_t colon = wanted.find(':');
  const KernelTable* table = Device::cpu().backend().kernels(wanted.substr(0, colon));
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

Napi::Value kernel_implementations(const Napi::CallbackInfo& info, Environment&) {
  const KernelId id = kernel_argument(info, 0);
  const auto problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  checked_operands(id, problem.get());
  Napi::Array list = Napi::Array::New(info.Env());
  uint32_t index = 0;
  for (const char* isa : cpu::available_isas()) {
    for (const Implementation& candidate : (*Device::cpu().backend().kernels(isa))[static_cast<size_t>(id)]) {
      Napi::Object row = Napi::Object::New(info.Env());
      row["isa"] = isa;
      row["name"] = candidate.name;
      row["refusal"] = candidate.supports(problem.get());
      list[index++] = row;
    }
  }
  return list;
}

Napi::Value run_kernel(const Napi::CallbackInfo& info, Environment& environment) {
  const KernelId id = kernel_argument(info, 0);
  const std::shared_ptr<void> problem = kernel_info(id).parse(string_argument(info, 1, "problem"));
  const std::string wanted = string_argument(info, 2, "implementation");
  const Operands operands = checked_operands(id, problem.get());
  const Implementation implementation = find_implementation(id, problem.get(), wanted);
  if (!info[3].IsArray() || info[3].As<Napi::Array>().Length() != operands.size()) {
    fail(ErrorCode::Argument, "expected a list of %zu operands", operands.size());
  }
  const auto arrays = info[3].As<Napi::Array>();
  // All values first: a getter among them may detach the memory of another.
  std::vector<Napi::Value> values;
  for (uint32_t index = 0; index < operands.size(); ++index) values.push_back(arrays[index]);
  std::vector<void*> pointers(operands.size(), nullptr);
  for (uint32_t index = 0; index < operands.size(); ++index) {
    const Operand& operand = operands[index];
    if (operand.count == 0) continue;
    const Napi::Value& value = values[index];
    std::span<const uint8_t> bytes;
    size_t size = dtype_size(operand.dtype);
    if (wanted == "ref64" && operand.dtype == DType::F32) {
      const auto doubles = array_argument<double>(value, napi_float64_array, operand.name);
      bytes = {reinterpret_cast<const uint8_t*>(doubles.data()), doubles.size_bytes()};
      size = sizeof(double);
    } else {
      bytes = host_argument(value, operand.dtype, operand.name);
    }
    if (bytes.size() != static_cast<size_t>(operand.count) * size) {
      fail(ErrorCode::Shape, "expected %lld elements for %s, got %zu", static_cast<long long>(operand.count),
           operand.name, bytes.size() / size);
    }
    pointers[index] = const_cast<uint8_t*>(bytes.data());
  }
  Device& device = Device::cpu();
  device.stream().call(environment.id, [&] {
    const HostBlock workspace =
        aligned_block(implementation.workspace ? implementation.workspace(problem.get()) : 0);
    const HostBlock packed =
        aligned_block(implementation.packed_bytes ? implementation.packed_bytes(problem.get()) : 0);
    if (packed) {
      device.backend().pack(implementation, problem.get(),
                            pointers[static_cast<size_t>(implementation.packed_operand)], packed.get());
    }
    device.backend().run(implementation, problem.get(), pointers.data(), workspace.get(), packed.get(),
                         device.step_block(environment.id));
  });
  return info.Env().Undefined();
}

}  // namespace

void export_kernel_bindings(Napi::Env env, Napi::Object exports) {
  exports.Set("kernels", Napi::Function::New(env, guarded<kernels>));
  exports.Set("kernelOperands", Napi::Function::New(env, guarded<kernel_operands>));
  exports.Set("kernelImplementations", Napi::Function::New(env, guarded<kernel_implementations>));
  exports.Set("runKernel", Napi::Function::New(env, guarded<run_kernel>));
}

}  // namespace lapidary
