#include "range_checks.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace softgpu {
namespace {

std::string hexadecimal(DeviceAddress address) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(address));
  return text;
}

void report_unordered(Driver& driver, Context& context, const Work& work, DeviceAddress address,
                      Access access, const char* other_did, std::uint32_t other) {
  const std::string name = driver.device->work.of(other);
  driver.fail(
      context, Check::unordered, work.name,
      work.name + (access == Access::read ? " reads " : " writes ") +
          driver.device->memory.describe(address) + ", which " + name + other_did +
          ", and nothing orders the two: wait for the other stream by an event (cuStreamWaitEvent) or on "
          "the host first",
      name);
}

}  // namespace

void check_range(Driver& driver, DeviceAddress address, std::uint64_t bytes, const char* what) {
  if (driver.device->memory.find(address, bytes) != nullptr) return;
  driver.report(Check::bounds, Severity::error, CUDA_ERROR_INVALID_VALUE,
                std::string(what) + " of " + std::to_string(bytes) + " bytes at " + hexadecimal(address) +
                    " does not lie in one allocation: it starts at " +
                    driver.device->memory.describe(address));
  throw CallError(CUDA_ERROR_INVALID_VALUE);
}

void touch(Driver& driver, Context& context, const Work& work, DeviceAddress address, std::uint64_t bytes,
           Access access) {
  const Device& device = *driver.device;
  if (bytes == 0 || !device.settings.checks || !device.settings.races) return;
  const DeviceAddress end = address + bytes;
  bool reported = false;
  std::uint64_t last_writer = 0, last_reader = 0;  // neighbours mostly carry the same record
  for (DeviceAddress word = address & ~DeviceAddress{3}; word < end; word += 4) {
    std::uint32_t mask = 15;
    if (word < address) mask &= 15u << (address - word);
    if (end - word < 4) mask &= 15u >> (4 - (end - word));
    std::uint64_t* record = device.memory.records(word);
    const auto conflicts = [&](std::uint64_t bits, std::uint64_t& last) {
      if (bits == last || bits == 0) return false;
      const RaceRecord earlier{bits};
      if ((earlier.byte_mask() & mask) == 0 || earlier.node() == work.node) return false;
      last = bits;
      return !work.before.nodes(earlier.node());
    };
    if (conflicts(record[0], last_writer) && !std::exchange(reported, true))
      report_unordered(driver, context, work, word < address ? address : word, access, " wrote",
                       RaceRecord{record[0]}.node());
    if (access == Access::write && conflicts(record[1], last_reader) && !std::exchange(reported, true))
      report_unordered(driver, context, work, word < address ? address : word, access, " read",
                       RaceRecord{record[1]}.node());
    const std::uint64_t mine = RaceRecord::make(work.node, 0, 0, 0, mask).bits;
    if (access == Access::read) {
      record[1] = mine;
    } else {
      record[0] = mine;
      record[1] = 0;
    }
  }
}

void check_written(Driver& driver, Context& context, const Work& work, DeviceAddress address,
                   std::uint64_t bytes) {
  const Device& device = *driver.device;
  if (bytes == 0 || !device.settings.checks) return;
  const auto hole = device.memory.first_undefined(address, bytes);
  if (!hole) return;
  const DeviceAddress at = address + *hole;
  const RaceRecord writer{*device.memory.records(at)};
  const std::string name = writer.node() == 0 ? "" : device.work.of(writer.node());
  Finding finding;
  finding.check = Check::uninitialised;
  finding.code = CUDA_ERROR_LAUNCH_FAILED;
  finding.place.kernel = work.name;
  finding.other.kernel = name;
  finding.message = work.name + " takes " + device.memory.describe(at) + " to the host, " +
                    (name.empty() ? "which nobody has written: write it or copy less"
                                  : "where " + name + " stored a value that nobody had computed");
  // The line that stored it is where to look; the copy only brought it to light.
  if (const auto stored = device.undefined_stores.find(at); stored && !name.empty()) {
    finding.other = finding.place;
    finding.place = *stored;
  }
  // A compiler copies a struct with its padding: bytes stored as they came, in a word of which others are
  // defined.
  const std::uint8_t* word = device.memory.defined(at & ~DeviceAddress{7});
  if (!name.empty() && std::any_of(word, word + 8, [](std::uint8_t byte) { return byte == 0xff; })) {
    finding.severity = Severity::warning;
    finding.message += "; that may be the padding of a struct";
    driver.device->findings.add(std::move(finding));
    return;
  }
  driver.fail(context, std::move(finding));
}

}  // namespace softgpu
