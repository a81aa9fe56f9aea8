#include "entry.h"

#include <cstdio>
#include <new>

#include "../image/image.h"
#include "../ptx/parser.h"
#include "error_names.h"

namespace softgpu {
namespace {

void say(const char* call, CUresult code, const char* message) {
  if (is_quiet() || message == nullptr || *message == '\0') return;
  std::fprintf(stderr, "softgpu: %s: %s (%s)\n", call, message, error_name(code));
}

}  // namespace

CUresult result_of_exception(const char* call) noexcept {
  CUresult code = CUDA_ERROR_UNKNOWN;
  try {
    throw;
  } catch (const CallError& error) {
    code = error.code;
    say(call, code, error.what());
  } catch (const ImageError& error) {
    code = static_cast<CUresult>(error.code);
    say(call, code, error.what());
  } catch (const ptx::UnsupportedVersion& error) {
    code = CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
    say(call, code, error.what());
  } catch (const ptx::SyntaxError& error) {
    code = CUDA_ERROR_INVALID_PTX;
    say(call, code, error.what());
  } catch (const UnsupportedInstruction& error) {
    code = CUDA_ERROR_NOT_SUPPORTED;
    say(call, code, error.what());
  } catch (const std::bad_alloc&) {
    code = CUDA_ERROR_OUT_OF_MEMORY;
    say(call, code, "out of memory");
  } catch (const std::exception& error) {
    say(call, code, error.what());
  } catch (...) {
    say(call, code, "an unknown exception");
  }
  return code;
}

}  // namespace softgpu
