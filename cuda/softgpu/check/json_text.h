// Strings as JSON writes them.
#pragma once

#include <string>
#include <string_view>

namespace softgpu {

/// The text in quotes, with what JSON wants escaped. Bytes above 127 pass (UTF-8 stays UTF-8).
inline std::string quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (byte < 0x20) {
      result += "\\u00";
      result += kHex[byte >> 4];
      result += kHex[byte & 15];
    } else {
      result += c;
    }
  }
  return result + '"';
}

}  // namespace softgpu
