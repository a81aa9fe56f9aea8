#include "core/error.h"

#include <cstdarg>
#include <cstdio>

namespace lapidary {
namespace {

std::string vformat(const char* text, va_list arguments) {
  va_list copy;
  va_copy(copy, arguments);
  const int length = std::vsnprintf(nullptr, 0, text, copy);
  va_end(copy);
  std::string out(length > 0 ? static_cast<size_t>(length) : 0, '\0');
  if (length > 0) std::vsnprintf(out.data(), out.size() + 1, text, arguments);
  return out;
}

}  // namespace

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::Shape:
      return "ERR_SHAPE";
    case ErrorCode::DType:
      return "ERR_DTYPE";
    case ErrorCode::Device:
      return "ERR_DEVICE";
    case ErrorCode::Disposed:
      return "ERR_DISPOSED";
    case ErrorCode::Stale:
      return "ERR_STALE";
    case ErrorCode::OutOfMemory:
      return "ERR_OUT_OF_MEMORY";
    case ErrorCode::Argument:
      return "ERR_ARGUMENT";
    case ErrorCode::Index:
      return "ERR_INDEX";
    case ErrorCode::NonFinite:
      return "ERR_NON_FINITE";
    case ErrorCode::Unsupported:
      return "ERR_UNSUPPORTED";
    case ErrorCode::Capture:
      return "ERR_CAPTURE";
    case ErrorCode::Aborted:
      return "ERR_ABORTED";
    case ErrorCode::Internal:
      return "ERR_INTERNAL";
  }
  return "ERR_INTERNAL";
}

void fail(ErrorCode code, const char* text, ...) {
  va_list arguments;
  va_start(arguments, text);
  std::string message = vformat(text, arguments);
  va_end(arguments);
  throw Error(code, message);
}

std::string format(const char* text, ...) {
  va_list arguments;
  va_start(arguments, text);
  std::string out = vformat(text, arguments);
  va_end(arguments);
  return out;
}

}  // namespace lapidary
