#include "cuda/driver_api.h"

#include <dlfcn.h>

#include <cstdlib>

#include "core/error.h"

namespace lapidary::cuda {

DriverApi::DriverApi() {
  const char* named = std::getenv("LAPIDARY_CUDA_DRIVER");
  library_ = named && *named ? named : "libcuda.so.1";
  handle_ = dlopen(library_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) {
    fail(ErrorCode::Device, "no CUDA driver (%s); install NVIDIA's driver, or use the device 'cpu'",
         dlerror());
  }
  find(error_name), find(error_text), find(init), find(driver_version), find(device_count), find(device_get);
  find(device_name), find(device_memory), find(device_attribute), find(retain_context), find(set_context);
  find(memory_info), find(allocate), find(release), find(allocate_host), find(release_host);
  find(copy_in), find(copy_out), find(set_words);
  find(create_stream), find(synchronize_stream);
  find(create_event), find(record_event), find(query_event), find(elapsed);
  find(destroy_event), find(load_module), find(get_function), find(set_function_attribute), find(launch);
  find(begin_capture), find(end_capture), find(instantiate), find(launch_graph), find(destroy_graph_exec);
  find(destroy_graph);
}

template <class... Arguments>
void DriverApi::find(Entry<Arguments...>& entry) {
  entry.function = reinterpret_cast<CUresult (*)(Arguments...)>(dlsym(handle_, entry.name));
  if (!entry.function) {
    fail(ErrorCode::Device,
         "the CUDA driver %s is too old: it lacks %s; lapidary needs one for CUDA 11.4 or later",
         library_.c_str(), entry.name);
  }
}

void* DriverApi::symbol(const char* name) const noexcept { return dlsym(handle_, name); }

void DriverApi::check(CUresult result, const char* what) const {
  if (result == kSuccess) return;
  fail(result == kOutOfMemory ? ErrorCode::OutOfMemory : ErrorCode::Device, "%s: %s", what,
       describe(result).c_str());
}

std::string DriverApi::describe(CUresult result) const {
  const char *name = nullptr, *text = nullptr;
  error_name.function(result, &name);
  error_text.function(result, &text);
  return format("%s (%d): %s", name ? name : "unknown error", result, text ? text : "no description");
}

bool DriverApi::sticky(CUresult result) noexcept {
  return result == 700 || result == 702 || result == 710 || (result >= 714 && result <= 719);
}

}  // namespace lapidary::cuda
