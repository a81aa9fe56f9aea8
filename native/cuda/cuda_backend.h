// The CUDA backend: the primary context of the first visible device, one in-order stream, kernels of the
// image.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend.h"

namespace lapidary::cuda {

/// Throws ERR_DEVICE with the reason: no driver, no device, no image, no code that the device runs.
std::unique_ptr<Backend> make_cuda_backend();

/// What `lapidary doctor` tells of CUDA here. Where something is missing, `problem` (of driver and devices)
/// or `image_problem` says what, and what it keeps from being known is empty.
struct Survey {
  std::string driver;      ///< the library
  int driver_version = 0;  ///< the CUDA version that it supports: 13000 is 13.0
  struct Device {
    std::string name;
    int major = 0, minor = 0, multiprocessors = 0;
    size_t bytes = 0;
  };
  std::vector<Device> devices;
  std::string problem;
  std::string image;                       ///< the path
  std::vector<std::string> architectures;  ///< that it has code for: "sm_80", "compute_80"
  std::string ptx;                         ///< version of the PTX language, "9.0"; empty: no PTX
  std::string image_problem;
};
Survey survey();

}  // namespace lapidary::cuda
