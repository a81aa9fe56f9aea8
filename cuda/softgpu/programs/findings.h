// What softgpu's checks reported, read from the JSON that softgpuFindings writes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace softgpu::programs {

struct Finding {
  std::string check;
  std::string severity;  ///< "error", "warning" or "information"
  std::string file;      ///< of the CUDA source; empty where the finding has no line
  int line = 0;
  std::string message;
};

/// Reads an array of objects; members that Finding lacks are skipped. Throws std::runtime_error on anything
/// else.
std::vector<Finding> parse_findings(std::string_view json);

/// `text` as a JSON string with its quotes.
std::string quoted(std::string_view text);

}  // namespace softgpu::programs
