// Functions and kernels: attributes, names, parameters, occupancy.
#include <algorithm>

#include "entry.h"
#include "functions.h"
#include "limits.h"

using namespace softgpu;

namespace {

void check_cache(CUfunc_cache config) {
  require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL,
          "expected a cache configuration from 0 to 3");
}

void check_device(CUdevice device) {
  if (device != 0) throw CallError(CUDA_ERROR_INVALID_DEVICE, "softgpu has one device, number 0");
}

/// The block size that fills a multiprocessor with the most threads; the larger of equals.
void potential_block_size(const Architecture& architecture, const Kernel& kernel, int* grid, int* block,
                          CUoccupancyB2DSize dynamic_shared_of, std::size_t dynamic_shared, int limit) {
  std::uint32_t most = most_threads(architecture, kernel);
  if (limit > 0) most = std::min(most, static_cast<std::uint32_t>(limit));
  std::uint32_t best = 0, best_blocks = 0;
  for (std::uint32_t threads = most; threads > 0;
       threads -= std::min(threads, threads % kLanes == 0 ? kLanes : threads % kLanes)) {
    const std::size_t shared =
        dynamic_shared_of != nullptr ? dynamic_shared_of(static_cast<int>(threads)) : dynamic_shared;
    const std::uint32_t blocks = resident_blocks(architecture, kernel, threads, shared);
    if (threads * blocks > best * best_blocks) {
      best = threads;
      best_blocks = blocks;
    }
  }
  give(grid, best_blocks * architecture.multiprocessors, "the grid");
  give(block, best, "the block");
}

}  // namespace

CUresult cuKernelGetFunction(CUfunction* function, CUkernel handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto kernel = find_kernel(driver, handle);
    give(function, kernel->function->module->functions.at(kernel->function->kernel->name()), "the function");
  });
}

CUresult cuKernelGetLibrary(CUlibrary* library, CUkernel kernel) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(library, find_kernel(driver, kernel)->library, "the library");
  });
}

CUresult cuKernelGetAttribute(int* value, CUfunction_attribute attribute, CUkernel kernel,
                              CUdevice device) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    check_device(device);
    give(value, function_attribute(driver, *find_kernel(driver, kernel)->function, attribute), "the value");
  });
}

CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value, CUkernel kernel,
                              CUdevice device) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    check_device(device);
    set_function_attribute(driver, *find_kernel(driver, kernel)->function, attribute, value);
  });
}

CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice device) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    check_device(device);
    find_kernel(driver, kernel);
    check_cache(config);
  });
}

CUresult cuKernelGetName(const char** name, CUkernel kernel) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(name, find_kernel(driver, kernel)->function->kernel->name().c_str(), "the name");
  });
}

CUresult cuKernelGetParamInfo(CUkernel kernel, std::size_t index, std::size_t* offset,
                              std::size_t* bytes) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    parameter_info(*find_kernel(driver, kernel)->function, index, offset, bytes);
  });
}

CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(value, function_attribute(driver, *find_function(driver, function), attribute), "the value");
  });
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    set_function_attribute(driver, *find_function(driver, function), attribute, value);
  });
}

CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache config) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    find_function(driver, function);
    check_cache(config);
  });
}

CUresult cuFuncGetModule(CUmodule* module, CUfunction function) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(module, find_function(driver, function)->module->handle, "the module");
  });
}

CUresult cuFuncGetName(const char** name, CUfunction function) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(name, find_function(driver, function)->kernel->name().c_str(), "the name");
  });
}

CUresult cuFuncGetParamInfo(CUfunction function, std::size_t index, std::size_t* offset,
                            std::size_t* bytes) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    parameter_info(*find_function(driver, function), index, offset, bytes);
  });
}

CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    find_function(driver, function);
    give(state, CU_FUNCTION_LOADING_STATE_LOADED, "the state");
  });
}

CUresult cuFuncLoad(CUfunction function) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) { find_function(driver, function); });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction function, int threads,
                                                     std::size_t dynamic_shared) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(threads > 0, "expected at least one thread a block");
    give(blocks,
         resident_blocks(driver.device->architecture, *find_function(driver, function)->kernel,
                         static_cast<std::uint32_t>(threads), dynamic_shared),
         "the blocks");
  });
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction function, int threads,
                                                              std::size_t dynamic_shared, unsigned) noexcept {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, dynamic_shared);
}

CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction function,
                                          CUoccupancyB2DSize dynamic_shared_of, std::size_t dynamic_shared,
                                          int limit) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    potential_block_size(driver.device->architecture, *find_function(driver, function)->kernel, grid, block,
                         dynamic_shared_of, dynamic_shared, limit);
  });
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* grid, int* block, CUfunction function,
                                                   CUoccupancyB2DSize dynamic_shared_of,
                                                   std::size_t dynamic_shared, int limit, unsigned) noexcept {
  return cuOccupancyMaxPotentialBlockSize(grid, block, function, dynamic_shared_of, dynamic_shared, limit);
}

CUresult cuOccupancyAvailableDynamicSMemPerBlock(std::size_t* bytes, CUfunction handle, int blocks,
                                                 int threads) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(blocks > 0 && threads > 0, "expected at least one block and one thread");
    const Architecture& architecture = driver.device->architecture;
    const Kernel& kernel = *find_function(driver, handle)->kernel;
    if (resident_blocks(architecture, kernel, static_cast<std::uint32_t>(threads), 0) <
        static_cast<std::uint32_t>(blocks)) {
      give(bytes, 0, "the bytes");
      return;
    }
    const std::uint32_t share =
        architecture.shared_per_multiprocessor / static_cast<std::uint32_t>(blocks) / 128 * 128;
    const std::uint32_t used = kernel.static_shared() + architecture.reserved_shared_per_block;
    give(bytes,
         std::min(share > used ? share - used : 0,
                  architecture.shared_per_block_optin - kernel.static_shared()),
         "the bytes");
  });
}
