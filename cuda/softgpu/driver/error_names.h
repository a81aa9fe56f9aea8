// Names and texts of CUresult codes.
#pragma once

#include "cuda_api.h"

namespace softgpu {

/// "CUDA_ERROR_INVALID_VALUE"; nullptr for a code that is none.
const char* error_name(CUresult code);
const char* error_text(CUresult code);

}  // namespace softgpu
