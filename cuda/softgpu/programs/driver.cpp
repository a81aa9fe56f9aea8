#include "driver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace softgpu::programs {

namespace {

void* open(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw std::runtime_error(std::string("no CUDA driver: ") + dlerror() +
                             " (set LAPIDARY_CUDA_DRIVER to softgpu's library or to libcuda)");
  }
  return library;
}

const char* library_path() {
  const char* named = std::getenv("LAPIDARY_CUDA_DRIVER");
  return named != nullptr && *named != '\0' ? named : "libcuda.so.1";
}

template <class Function>
void optional_symbol(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

DriverError::DriverError(const char* function, CUresult code)
    : std::runtime_error(std::string(function) + " returned " + std::to_string(code)), code(code) {}

void* driver_symbol(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr) throw std::runtime_error(std::string("the CUDA driver lacks ") + name);
  return symbol;
}

Driver::Driver(void* library)
    :
#define SOFTGPU_FIND(name, ...) name(library, #name),
      SOFTGPU_DRIVER_FUNCTIONS(SOFTGPU_FIND)
#undef SOFTGPU_FIND
          path(library_path()) {
  optional_symbol(library, "softgpuFindings", softgpuFindings);
  optional_symbol(library, "softgpuCounters", softgpuCounters);
  optional_symbol(library, "softgpuClearFindings", softgpuClearFindings);
  optional_symbol(library, "softgpuSetSeed", softgpuSetSeed);
  optional_symbol(library, "softgpuDeclareMatrix", softgpuDeclareMatrix);
}

const Driver& driver() {
  // Never destroyed: threads of the driver may outlive static destruction.
  static const Driver& instance = *new Driver(open(library_path()));
  static const bool initialised = (instance.cuInit(0), true);
  static_cast<void>(initialised);
  return instance;
}

}  // namespace softgpu::programs
