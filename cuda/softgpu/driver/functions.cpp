#include "functions.h"

#include <cstring>

#include "limits.h"

namespace softgpu {
namespace {

/// A buffer that `extra` describes: {1, buffer, 2, size_t* bytes, 0}.
std::vector<std::byte> packed_buffer(const Kernel& kernel, void** extra) {
  const void* buffer = nullptr;
  const std::size_t* bytes = nullptr;
  constexpr std::uintptr_t kEnd = 0, kBuffer = 1, kBytes = 2;
  for (std::size_t i = 0;; i += 2) {
    const auto option = reinterpret_cast<std::uintptr_t>(extra[i]);
    if (option == kEnd) break;
    if (option == kBuffer) {
      buffer = extra[i + 1];
    } else if (option == kBytes) {
      bytes = static_cast<const std::size_t*>(extra[i + 1]);
    } else {
      throw CallError(CUDA_ERROR_INVALID_VALUE, "extra holds option " + std::to_string(option) +
                                                    "; known are 1 (buffer), 2 (its size) and 0 (end)");
    }
  }
  require(buffer != nullptr && bytes != nullptr, "extra must give both a buffer (1) and its size (2)");
  if (*bytes < kernel.parameter_bytes())
    throw CallError(CUDA_ERROR_INVALID_VALUE,
                    "kernel " + kernel.name() + " has " + std::to_string(kernel.parameter_bytes()) +
                        " bytes of parameters, extra's buffer " + std::to_string(*bytes));
  const auto* first = static_cast<const std::byte*>(buffer);
  return {first, first + kernel.parameter_bytes()};
}

}  // namespace

std::shared_ptr<FunctionObject> find_function(const Driver& driver, CUfunction handle) {
  const auto kernel = driver.handles.find_or_null<KernelObject>(reinterpret_cast<CUkernel>(handle));
  auto function = kernel != nullptr ? kernel->function : driver.handles.find<FunctionObject>(handle);
  if (!function->module->alive)
    throw CallError(CUDA_ERROR_INVALID_HANDLE, "the function's module has been unloaded");
  return function;
}

std::shared_ptr<KernelObject> find_kernel(const Driver& driver, CUkernel handle) {
  return driver.handles.find<KernelObject>(handle);
}

KernelOperation make_launch(const std::shared_ptr<FunctionObject>& function, const Dim3& grid,
                            const Dim3& block, std::uint32_t dynamic_shared, bool cooperative,
                            void** parameters, void** extra) {
  const Kernel& kernel = *function->kernel;
  kernel.function();  // what the machine does not know fails here, by name
  Launch launch;
  launch.kernel = &kernel;
  launch.grid = grid;
  launch.block = block;
  launch.dynamic_shared = dynamic_shared;
  launch.cooperative = cooperative;
  require(parameters == nullptr || extra == nullptr, "give kernel parameters either by pointers or in extra");
  if (extra != nullptr) {
    launch.parameters = packed_buffer(kernel, extra);
  } else {
    launch.parameters.resize(kernel.parameter_bytes());
    if (parameters == nullptr && !kernel.parameters().empty())
      throw CallError(CUDA_ERROR_INVALID_VALUE, "kernel " + kernel.name() + " has " +
                                                    std::to_string(kernel.parameters().size()) +
                                                    " parameters, the launch gives none");
    for (std::size_t i = 0; i < kernel.parameters().size(); ++i) {
      if (parameters[i] == nullptr)
        throw CallError(CUDA_ERROR_INVALID_VALUE, "the pointer to parameter " + std::to_string(i) +
                                                      " of kernel " + kernel.name() + " is NULL");
      const Kernel::Parameter& parameter = kernel.parameters()[i];
      std::memcpy(launch.parameters.data() + parameter.offset, parameters[i], parameter.bytes);
    }
  }
  return {function, std::move(launch)};
}

int function_attribute(const Driver& driver, const FunctionObject& function, CUfunction_attribute attribute) {
  const Kernel& kernel = *function.kernel;
  const Architecture& architecture = driver.device->architecture;
  const ptx::Module& module = kernel.program().module();
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
      return static_cast<int>(most_threads(architecture, kernel));
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
      return static_cast<int>(kernel.static_shared());
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: {
      std::uint64_t bytes = 0;
      for (const ptx::Variable& variable : module.variables) {
        if (variable.space == ptx::Space::constant) bytes += variable.bytes();
      }
      return static_cast<int>(bytes);
    }
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
      return static_cast<int>(kernel.function().local_bytes);
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
      return static_cast<int>(registers_of(architecture, kernel));
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
      return static_cast<int>(module.version_major * 10 + module.version_minor);
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
      return static_cast<int>(architecture.number());
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      return static_cast<int>(most_dynamic_shared(architecture, kernel));
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      return function.carve_out;
    default:
      break;
  }
  require(attribute > 0 && attribute < CU_FUNC_ATTRIBUTE_MAX, "unknown function attribute");
  return 0;  // cache mode and clusters: not set
}

void set_function_attribute(const Driver& driver, FunctionObject& function, CUfunction_attribute attribute,
                            int value) {
  const Architecture& architecture = driver.device->architecture;
  if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) {
    const std::int64_t used = function.kernel->static_shared();
    if (value < 0 || value + used > std::int64_t{architecture.shared_per_block_optin})
      throw CallError(CUDA_ERROR_INVALID_VALUE,
                      std::to_string(value) + " bytes of dynamic shared memory beside " +
                          std::to_string(used) + " static ones: " + architecture.name + " has at most " +
                          std::to_string(architecture.shared_per_block_optin) + " a block");
    function.kernel->max_dynamic_shared = static_cast<std::uint32_t>(value);
  } else if (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
    require(value >= -1 && value <= 100, "expected a carve-out of -1 (default) or 0 to 100 percent");
    function.carve_out = value;
  } else {
    throw CallError(CUDA_ERROR_INVALID_VALUE,
                    "function attribute " + std::to_string(attribute) +
                        " cannot be set; 8 (dynamic shared memory) and 9 (carve-out) can");
  }
}

void parameter_info(const FunctionObject& function, std::size_t index, std::size_t* offset,
                    std::size_t* bytes) {
  const auto& parameters = function.kernel->parameters();
  if (index >= parameters.size()) throw CallError(CUDA_ERROR_INVALID_VALUE);
  give(offset, parameters[index].offset, "the offset");
  if (bytes != nullptr) *bytes = parameters[index].bytes;
}

}  // namespace softgpu
