#include "error_names.h"

#include "entry.h"

namespace softgpu {

const char* error_name(CUresult code) {
  switch (code) {
    case CUDA_SUCCESS:
      return "CUDA_SUCCESS";
#define SOFTGPU_ERROR(name, number, text) \
  case number:                            \
    return "CUDA_ERROR_" #name;
#include "errors.def"
#undef SOFTGPU_ERROR
  }
  return nullptr;
}

const char* error_text(CUresult code) {
  switch (code) {
    case CUDA_SUCCESS:
      return "no error";
#define SOFTGPU_ERROR(name, number, text) \
  case number:                            \
    return text;
#include "errors.def"
#undef SOFTGPU_ERROR
  }
  return nullptr;
}

}  // namespace softgpu

using namespace softgpu;

CUresult cuGetErrorName(CUresult error, const char** name) noexcept {
  if (name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *name = error_name(error);
  return *name == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char** text) noexcept {
  if (text == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *text = error_text(error);
  return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
