// Typed errors. The code crosses the addon boundary and becomes a class in lib/errors.ts.
#pragma once

#include <stdexcept>
#include <string>

namespace lapidary {

enum class ErrorCode {
  Shape,
  DType,
  Device,
  Disposed,
  Stale,
  OutOfMemory,
  Argument,
  Index,
  NonFinite,
  Unsupported,
  Capture,
  Aborted,
  Internal
};

/// The `code` property of the JavaScript error, e.g. "ERR_SHAPE".
const char* error_code_name(ErrorCode code) noexcept;

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/// Throws Error with a printf-formatted sentence: what was expected, what came, what to do.
[[noreturn]] void fail(ErrorCode code, const char* format, ...) __attribute__((format(printf, 2, 3)));

/// printf into a std::string.
std::string format(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace lapidary
