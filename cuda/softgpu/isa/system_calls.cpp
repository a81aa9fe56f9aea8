#include "system_calls.h"

#include <cstdio>

#include "../machine/block.h"
#include "generic.h"

namespace softgpu {

namespace {

/// printf's conversions one by one: arguments lie packed at `address`, each at its natural alignment (floats
/// as double).
std::string format(Warp& warp, std::uint32_t lane, const std::string& pattern, std::uint64_t address) {
  std::string text, why;
  std::uint64_t offset = 0;
  const auto take = [&](std::uint32_t bytes) {
    offset = (offset + bytes - 1) / bytes * bytes;
    const std::byte* at = generic_bytes(warp, lane, address + offset, bytes, why);
    if (at == nullptr)
      warp.fault(Check::bounds, lane, "printf has fewer arguments than its format: " + why, 700);
    offset += bytes;
    std::uint64_t value = 0;
    std::memcpy(&value, at, bytes);
    return value;
  };
  char buffer[512];
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      text += pattern[i];
      continue;
    }
    std::size_t end = pattern.find_first_of("diouxXcsfFeEgGaAp%", i + 1);
    if (end == std::string::npos) return text + pattern.substr(i);
    std::string conversion = pattern.substr(i, end - i + 1);
    const char kind = pattern[end];
    const bool wide = conversion.find('l') != std::string::npos;
    i = end;
    if (kind == '%') {
      text += '%';
      continue;
    }
    for (std::size_t star; (star = conversion.find('*')) != std::string::npos;) {
      conversion.replace(star, 1, std::to_string(static_cast<std::int32_t>(take(4))));
    }
    if (kind == 's') {
      std::snprintf(buffer, sizeof buffer, conversion.c_str(), read_string(warp, lane, take(8)).c_str());
    } else if (kind == 'p') {
      std::snprintf(buffer, sizeof buffer, "0x%llx", static_cast<unsigned long long>(take(8)));
    } else if (std::string_view("fFeEgGaA").find(kind) != std::string_view::npos) {
      std::snprintf(buffer, sizeof buffer, conversion.c_str(), std::bit_cast<double>(take(8)));
    } else if (wide) {
      std::snprintf(buffer, sizeof buffer, conversion.c_str(), take(8));
    } else {
      std::snprintf(buffer, sizeof buffer, conversion.c_str(), static_cast<std::uint32_t>(take(4)));
    }
    text += buffer;
  }
  return text;
}

}  // namespace

bool is_system_call(std::string_view name) {
  return name == "vprintf" || name == "malloc" || name == "free" || name == "__assertfail" ||
         name == "__assert_fail";
}

std::uint64_t system_call(Warp& warp, std::uint32_t lane, std::string_view name,
                          const std::uint64_t* arguments) {
  if (name == "vprintf") {
    const std::string text = format(warp, lane, read_string(warp, lane, arguments[0]), arguments[1]);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return text.size();
  }
  DeviceMemory& memory = warp.block().device().memory;
  if (name == "malloc") return memory.allocate(arguments[0], "device malloc").value_or(0);
  if (name == "free") {
    if (arguments[0] != 0 && !memory.free(arguments[0])) {
      warp.fault(Check::bounds, lane, "free of a pointer that malloc did not return", 700);
    }
    return 0;
  }
  warp.fault(Check::trap, lane,
             read_string(warp, lane, arguments[1]) + ":" +
                 std::to_string(static_cast<std::uint32_t>(arguments[2])) + ": assertion '" +
                 read_string(warp, lane, arguments[0]) + "' failed",
             710);
}

}  // namespace softgpu
