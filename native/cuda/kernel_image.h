// The kernel image: a tar of fatbins, one a kernel file (cuda/CMakeLists.txt makes it), mapped into memory. A
// fatbin is loaded as a module when one of its kernels is first launched.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cuda/driver_api.h"
#include "cuda/launch_context.h"

namespace lapidary::cuda {

class KernelImage {
 public:
  /// Where the image is: LAPIDARY_CUDA_IMAGE, else build/cuda/lapidary.fatbin of this package.
  static std::string path();

  /// Maps the file. Throws ERR_DEVICE when it is not there or is no image.
  explicit KernelImage(const std::string& path);
  ~KernelImage();
  KernelImage(const KernelImage&) = delete;
  KernelImage& operator=(const KernelImage&) = delete;

  /// The kernel, with `shared_bytes` of dynamic shared memory allowed. Throws ERR_DEVICE when the image has
  /// no such kernel, or no code that this device runs.
  CUfunction function(const DriverApi& api, Kernel kernel, size_t shared_bytes);

  /// What it holds code for, from the first fatbin: "sm_80", "compute_80".
  std::vector<std::string> architectures() const;
  /// The version of the PTX language that the first fatbin is written in, "9.0"; empty when it has none to
  /// read.
  std::string ptx_version() const;

 private:
  struct Function {
    CUfunction handle = nullptr;
    size_t shared_bytes = 0;  ///< allowed so far
  };
  struct Module {
    std::string_view code;
    CUmodule handle = nullptr;
    std::unordered_map<std::string, Function> functions;
  };
  std::string path_;
  void* mapped_ = nullptr;
  size_t size_ = 0;
  std::map<std::string, Module, std::less<>> modules_;
};

}  // namespace lapidary::cuda
