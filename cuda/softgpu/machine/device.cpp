#include "device.h"

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string_view>

namespace softgpu {
namespace {

std::optional<std::string_view> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

[[noreturn]] void refuse(const char* name, std::string_view value, const std::string& expected) {
  throw std::invalid_argument(std::string(name) + "=" + std::string(value) + ": expected " + expected);
}

/// A whole number in [least, most], with one of K, M, G (powers of 1024) behind it if `sizes`.
template <class T>
void read_number(const char* name, T& setting, std::uint64_t least, std::uint64_t most, bool sizes = false) {
  const auto value = variable(name);
  if (!value) return;
  std::uint64_t number = 0;
  const char* end = value->data() + value->size();
  auto [rest, error] = std::from_chars(value->data(), end, number);
  int shift = 0;
  if (sizes && error == std::errc{} && rest + 1 == end) {
    const char unit = static_cast<char>(std::toupper(static_cast<unsigned char>(*rest)));
    shift = unit == 'K' ? 10 : unit == 'M' ? 20 : unit == 'G' ? 30 : 0;
    if (shift != 0) ++rest;
  }
  if (error != std::errc{} || rest != end || number > (most >> shift) || (number << shift) < least) {
    refuse(name, *value,
           "a whole number from " + std::to_string(least) + " to " + std::to_string(most) +
               (sizes ? ", K, M or G may follow" : ""));
  }
  setting = static_cast<T>(number << shift);
}

/// True for `yes`, false for `no`; leaves the setting alone where the variable is not set.
void read_choice(const char* name, bool& setting, std::string_view yes, std::string_view no) {
  const auto value = variable(name);
  if (!value) return;
  if (*value != yes && *value != no) refuse(name, *value, std::string(yes) + " or " + std::string(no));
  setting = *value == yes;
}

}  // namespace

Settings Settings::from_environment() {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  Settings settings;
  read_number("SOFTGPU_SEED", settings.seed, 0, kMost);
  read_number("SOFTGPU_THREADS", settings.threads, 0, 1024);
  read_number("SOFTGPU_WATCHDOG", settings.watchdog, 1, kMost);
  read_number("SOFTGPU_MEMORY", settings.memory, std::uint64_t{1} << 20, std::uint64_t{1} << 43, true);
  read_number("SOFTGPU_STACK", settings.stack_bytes, 1024, 512 << 10, true);
  read_choice("SOFTGPU_MMA", settings.exact_mma, "hardware", "fma");
  read_choice("SOFTGPU_APPROXIMATE", settings.perturb, "perturbed", "nominal");
  read_choice("SOFTGPU_BARRIER", settings.exited_miss_barriers, "volta", "strict");
  if (const auto value = variable("SOFTGPU_CHECKS")) {
    if (*value != "on" && *value != "off" && *value != "memory")
      refuse("SOFTGPU_CHECKS", *value, "on, memory (no races) or off");
    settings.checks = *value != "off";
    settings.races = *value == "on";
  }
  if (const auto value = variable("SOFTGPU_ARCHITECTURE")) {
    try {
      architecture_named(std::string(*value));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(std::string("SOFTGPU_ARCHITECTURE: ") + error.what());
    }
    settings.architecture = *value;
  }
  return settings;
}

Device::Device(Settings settings)
    : settings(std::move(settings)),
      architecture(architecture_named(this->settings.architecture)),
      memory(this->settings.memory) {}

}  // namespace softgpu
