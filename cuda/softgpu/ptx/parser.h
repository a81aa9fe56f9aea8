// PTX text to syntax.h.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "syntax.h"

namespace softgpu::ptx {

/// Text that is not PTX, or a statement this parser does not know; what() names line, column and what was
/// wrong.
class SyntaxError : public std::runtime_error {
 public:
  SyntaxError(std::uint32_t line, std::uint32_t column, const std::string& message);
  std::uint32_t line, column;
};

/// A `.version` newer than this parser was written for.
class UnsupportedVersion : public SyntaxError {
 public:
  using SyntaxError::SyntaxError;
};

/// Parses one module. Throws SyntaxError.
Module parse(std::string_view text);

}  // namespace softgpu::ptx
