// Kernel launches.
#include <cstdlib>

#include "entry.h"
#include "functions.h"

using namespace softgpu;

namespace {

/// CUDA_LAUNCH_BLOCKING=1: a launch returns when it is done, with its own fault. Else, as on hardware, the
/// fault is what the next call of its context returns.
bool launches_block() {
  static const bool blocking = [] {
    const char* value = std::getenv("CUDA_LAUNCH_BLOCKING");
    return value != nullptr && value[0] == '1';
  }();
  return blocking;
}

void launch(Driver& driver, const std::shared_ptr<Context>& context, CUfunction function, const Dim3& grid,
            const Dim3& block, unsigned dynamic_shared, CUstream handle, void** parameters, void** extra,
            bool cooperative) {
  const std::shared_ptr<Stream> stream = driver.stream(handle, context);
  driver.submit(stream, make_launch(find_function(driver, function), grid, block, dynamic_shared, cooperative,
                                    parameters, extra));
  if (launches_block() && stream->capture == nullptr) driver.synchronise(stream);
}

/// Whether the attributes ask for a cooperative launch. Throws for what would change a kernel's meaning.
bool is_cooperative(const CUlaunchConfig& config) {
  require(config.numAttrs == 0 || config.attrs != nullptr, "expected launch attributes, got NULL");
  bool cooperative = false;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        cooperative = attribute.value.cooperative != 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
        if (attribute.value.cluster.x != 1 || attribute.value.cluster.y != 1 ||
            attribute.value.cluster.z != 1)
          throw CallError(CUDA_ERROR_NOT_SUPPORTED, "softgpu has no thread block clusters");
        break;
      case CU_LAUNCH_ATTRIBUTE_IGNORE:
      case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
      case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
      case CU_LAUNCH_ATTRIBUTE_PRIORITY:
      case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        break;  // hints
      default:
        throw CallError(CUDA_ERROR_NOT_SUPPORTED, "launch attribute " + std::to_string(attribute.id));
    }
  }
  return cooperative;
}

}  // namespace

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned dynamic_shared,
                        CUstream stream, void** parameters, void** extra) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    launch(driver, context, function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, dynamic_shared,
           stream, parameters, extra, false);
  });
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters,
                          void** extra) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    require(config != nullptr, "expected a launch configuration, got NULL");
    launch(driver, context, function, {config->gridDimX, config->gridDimY, config->gridDimZ},
           {config->blockDimX, config->blockDimY, config->blockDimZ}, config->sharedMemBytes, config->hStream,
           parameters, extra, is_cooperative(*config));
  });
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                   unsigned block_x, unsigned block_y, unsigned block_z,
                                   unsigned dynamic_shared, CUstream stream, void** parameters) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    launch(driver, context, function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, dynamic_shared,
           stream, parameters, nullptr, true);
  });
}
