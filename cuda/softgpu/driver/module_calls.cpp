// Modules, libraries, their kernels and variables.
#include <cstring>
#include <fstream>
#include <iterator>

#include "../image/image.h"
#include "../ptx/parser.h"
#include "entry.h"
#include "functions.h"

using namespace softgpu;

namespace {

/// Where the host wants words about a load: options 3 to 6 of the JIT.
class JitLog {
 public:
  JitLog(unsigned count, CUjit_option* options, void** values) {
    require(count == 0 || (options != nullptr && values != nullptr),
            "expected options and their values, got NULL");
    for (unsigned i = 0; i < count; ++i) {
      require(options[i] >= 0 && options[i] < CU_JIT_NUM_OPTIONS, "unknown JIT option");
      switch (options[i]) {
        case CU_JIT_INFO_LOG_BUFFER:
          information_.buffer = static_cast<char*>(values[i]);
          break;
        case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
          information_.size = &values[i];
          break;
        case CU_JIT_ERROR_LOG_BUFFER:
          error_.buffer = static_cast<char*>(values[i]);
          break;
        case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
          error_.size = &values[i];
          break;
        default:
          break;  // what tunes a compiler: softgpu has none
      }
    }
    information_.begin();
    error_.begin();
  }
  void error(const char* message) { error_.write(message); }

 private:
  struct Buffer {
    char* buffer = nullptr;
    void** size = nullptr;  ///< in: its size in bytes, as a number; out: bytes written
    std::size_t capacity = 0;
    void begin() {
      if (size == nullptr) return;
      capacity = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(*size));
      write("");
    }
    void write(const char* message) {
      if (size == nullptr) return;
      std::size_t written = 0;
      if (buffer != nullptr && capacity > 0) {
        written = std::min(std::strlen(message), capacity - 1);
        std::memcpy(buffer, message, written);
        buffer[written] = '\0';
      }
      *size = reinterpret_cast<void*>(written);
    }
  };
  Buffer information_, error_;
};

void check_target(const ptx::Module& module, const Architecture& architecture) {
  const bool only_there = !module.target.empty() && module.target.back() == 'a';
  const bool fits = only_there ? module.architecture == architecture.number()
                               : module.architecture <= architecture.number();
  if (!fits)
    throw CallError(CUDA_ERROR_INVALID_PTX, "the PTX is for " + module.target + ", the device is sm_" +
                                                std::to_string(architecture.number()) +
                                                " (SOFTGPU_ARCHITECTURE chooses another)");
}

std::shared_ptr<ModuleObject> load(Driver& driver, const std::shared_ptr<Context>& context, const void* image,
                                   unsigned count, CUjit_option* options, void** values) {
  JitLog log(count, options, values);
  require(image != nullptr, "expected an image, got NULL");
  try {
    auto module = std::make_shared<ModuleObject>();
    module->context = context;
    module->program =
        std::make_unique<Program>(*driver.device, ptx_of(image, driver.device->architecture.number()));
    check_target(module->program->module(), driver.device->architecture);
    module->handle = driver.handles.add(module);
    return module;
  } catch (const std::exception& error) {
    log.error(error.what());
    throw;
  }
}

std::vector<char> contents_of(const char* path) {
  require(path != nullptr, "expected a path, got NULL");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw CallError(CUDA_ERROR_FILE_NOT_FOUND, std::string("cannot read ") + path);
  std::vector<char> contents{std::istreambuf_iterator<char>(file), {}};
  contents.push_back('\0');
  return contents;
}

CUfunction function_of(Driver& driver, const std::shared_ptr<ModuleObject>& module, const std::string& name) {
  if (const auto known = module->functions.find(name); known != module->functions.end()) return known->second;
  Kernel* kernel = module->program->kernel(name);
  if (kernel == nullptr) throw CallError(CUDA_ERROR_NOT_FOUND, "the module has no kernel named " + name);
  auto function = std::make_shared<FunctionObject>();
  function->module = module;
  function->kernel = kernel;
  return module->functions[name] = driver.handles.add(std::move(function));
}

std::vector<std::string> kernels_of(const ModuleObject& module) {
  std::vector<std::string> names;
  for (const ptx::Function& function : module.program->module().functions) {
    if (function.entry && !function.external) names.push_back(function.name);
  }
  return names;
}

void unload(Driver& driver, const std::shared_ptr<ModuleObject>& module) {
  driver.synchronise(*module->context);
  for (const auto& [name, function] : module->functions) driver.handles.remove(function);
  driver.handles.remove(module->handle);
  module->alive = false;  // its program goes with the last graph that uses it
}

void give_variable(const ModuleObject& module, CUdeviceptr* address, std::size_t* bytes, const char* name) {
  require(name != nullptr, "expected a name, got NULL");
  require(address != nullptr || bytes != nullptr, "expected a pointer for the address or the size");
  const Program::Variable* variable = module.program->variable(name);
  if (variable == nullptr)
    throw CallError(CUDA_ERROR_NOT_FOUND, std::string("the module has no variable named ") + name);
  if (address != nullptr) *address = variable->address;
  if (bytes != nullptr) *bytes = variable->bytes;
}

CUkernel kernel_of(Driver& driver, CUlibrary handle, LibraryObject& library, const std::string& name) {
  if (const auto known = library.kernels.find(name); known != library.kernels.end()) return known->second;
  auto kernel = std::make_shared<KernelObject>();
  kernel->library = handle;
  kernel->function = driver.handles.find<FunctionObject>(function_of(driver, library.module, name));
  return library.kernels[name] = driver.handles.add(std::move(kernel));
}

CUresult load_module(const char* call, CUmodule* module, const void* image, unsigned count,
                     CUjit_option* options, void** values) noexcept {
  return entry(call, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(module, nullptr, "the module");
    driver.forbid_during_capture();
    *module = load(driver, context, image, count, options, values)->handle;
  });
}

void load_library(Driver& driver, const std::shared_ptr<Context>& context, CUlibrary* library,
                  const void* code, CUjit_option* options, void** values, unsigned count) {
  give(library, nullptr, "the library");
  driver.forbid_during_capture();
  auto object = std::make_shared<LibraryObject>();
  object->module = load(driver, context, code, count, options, values);
  *library = driver.handles.add(std::move(object));
}

}  // namespace

CUresult cuModuleLoad(CUmodule* module, const char* path) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(module, nullptr, "the module");
    driver.forbid_during_capture();
    *module = load(driver, context, contents_of(path).data(), 0, nullptr, nullptr)->handle;
  });
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) noexcept {
  return load_module(__func__, module, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, CUjit_option* options,
                            void** values) noexcept {
  return load_module(__func__, module, image, count, options, values);
}

CUresult cuModuleLoadFatBinary(CUmodule* module, const void* image) noexcept {
  return load_module(__func__, module, image, 0, nullptr, nullptr);
}

CUresult cuModuleUnload(CUmodule handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto module = driver.handles.find<ModuleObject>(handle);
    driver.forbid_during_capture();
    for (const auto& [library, object] : driver.handles.all<LibraryObject>()) {
      if (object->module == module)
        throw CallError(CUDA_ERROR_NOT_PERMITTED, "the module belongs to a library: call cuLibraryUnload");
    }
    unload(driver, module);
  });
}

CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) noexcept {
  return entry_without_context(__func__, [&](Driver&) { give(mode, CU_MODULE_EAGER_LOADING, "the mode"); });
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(name != nullptr, "expected a name, got NULL");
    give(function, function_of(driver, driver.handles.find<ModuleObject>(module), name), "the function");
  });
}

CUresult cuModuleGetFunctionCount(unsigned* count, CUmodule module) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(count, kernels_of(*driver.handles.find<ModuleObject>(module)).size(), "the count");
  });
}

CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned count, CUmodule handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(functions != nullptr, "expected an array, got NULL");
    const auto module = driver.handles.find<ModuleObject>(handle);
    const std::vector<std::string> names = kernels_of(*module);
    for (unsigned i = 0; i < count && i < names.size(); ++i)
      functions[i] = function_of(driver, module, names[i]);
  });
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, std::size_t* bytes, CUmodule module,
                              const char* name) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give_variable(*driver.handles.find<ModuleObject>(module), address, bytes, name);
  });
}

CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* options, void** values,
                           unsigned count, CUlibraryOption*, void**, unsigned) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    load_library(driver, context, library, code, options, values, count);
  });
}

CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* path, CUjit_option* options, void** values,
                               unsigned count, CUlibraryOption*, void**, unsigned) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    load_library(driver, context, library, contents_of(path).data(), options, values, count);
  });
}

CUresult cuLibraryUnload(CUlibrary handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto library = driver.handles.find<LibraryObject>(handle);
    driver.forbid_during_capture();
    for (const auto& [name, kernel] : library->kernels) driver.handles.remove(kernel);
    driver.handles.remove(handle);
    unload(driver, library->module);
  });
}

CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary library, const char* name) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(name != nullptr, "expected a name, got NULL");
    give(kernel, kernel_of(driver, library, *driver.handles.find<LibraryObject>(library), name),
         "the kernel");
  });
}

CUresult cuLibraryGetKernelCount(unsigned* count, CUlibrary library) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(count, kernels_of(*driver.handles.find<LibraryObject>(library)->module).size(), "the count");
  });
}

CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned count, CUlibrary handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(kernels != nullptr, "expected an array, got NULL");
    const auto library = driver.handles.find<LibraryObject>(handle);
    const std::vector<std::string> names = kernels_of(*library->module);
    for (unsigned i = 0; i < count && i < names.size(); ++i)
      kernels[i] = kernel_of(driver, handle, *library, names[i]);
  });
}

CUresult cuLibraryGetModule(CUmodule* module, CUlibrary library) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(module, driver.handles.find<LibraryObject>(library)->module->handle, "the module");
  });
}

CUresult cuLibraryGetGlobal(CUdeviceptr* address, std::size_t* bytes, CUlibrary library,
                            const char* name) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give_variable(*driver.handles.find<LibraryObject>(library)->module, address, bytes, name);
  });
}
