// How an entry point fails inside: with a CUresult, and words for people where the code alone does not say
// why.
#pragma once

#include <stdexcept>
#include <string>

#include "cuda_api.h"

namespace softgpu {

class CallError : public std::runtime_error {
 public:
  explicit CallError(int code, const std::string& message = {})
      : std::runtime_error(message), code(static_cast<CUresult>(code)) {}
  CUresult code;
};

/// Throws CUDA_ERROR_INVALID_VALUE with `message` unless `holds`.
inline void require(bool holds, const char* message) {
  if (!holds) throw CallError(CUDA_ERROR_INVALID_VALUE, message);
}

/// Stores an output the caller must have room for.
template <class T, class V>
void give(T* out, V value, const char* name) {
  if (out == nullptr)
    throw CallError(CUDA_ERROR_INVALID_VALUE, std::string("expected a pointer for ") + name + ", got NULL");
  *out = static_cast<T>(value);
}

}  // namespace softgpu
