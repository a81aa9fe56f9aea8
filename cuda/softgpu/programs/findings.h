// What softgpu's checks reported, read from the JSON that softgpuFindings writes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace softgpu::programs {

/// A line of CUDA source; the file is empty where the finding has none.
struct Location {
  std::string file;
  int line = 0;
};

struct Finding {
  std::string check;
  std::string severity;  ///< "error", "warning" or "information"
  std::string message;
  std::vector<Location> locations;  ///< one, or both parties of a race
};

/// Reads an array of objects; members that Finding lacks are skipped. Throws std::runtime_error on anything
/// else.
std::vector<Finding> parse_findings(std::string_view json);

/// `text` as a JSON string with its quotes.
std::string quoted(std::string_view text);

}  // namespace softgpu::programs
