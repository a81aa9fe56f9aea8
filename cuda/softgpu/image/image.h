// What a host hands to cuModuleLoadData: PTX text, a fatbin or the wrapper nvcc puts around one.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace softgpu {

/// Why an image cannot be run; `code` is the CUresult (200 bad image, 209 no code for this device, 218 bad
/// PTX).
class ImageError : public std::runtime_error {
 public:
  ImageError(int code, const std::string& message) : std::runtime_error(message), code(code) {}
  int code;
};

/// The PTX text in `image`: the text itself, or the uncompressed PTX entry of a fatbin for the newest
/// architecture not above `architecture` (80 = sm_80). Throws ImageError: cubin only, compressed, none for
/// this architecture.
std::string ptx_of(const void* image, std::uint32_t architecture);

}  // namespace softgpu
