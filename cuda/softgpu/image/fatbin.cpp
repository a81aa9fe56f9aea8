#include "fatbin.h"

#include <bit>
#include <cstring>
#include <string>

#include "image.h"

namespace softgpu {

namespace {

static_assert(std::endian::native == std::endian::little, "fatbins are read in place");

constexpr int kBadImage = 200;
constexpr std::size_t kSmallestHeader = 16;
constexpr std::size_t kSmallestEntry = 0x40;
constexpr std::uint64_t kFlagLz4 = 0x2000, kFlagZstd = 0x8000;

template <typename T>
T read(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

FatbinEntry::Kind kind_of(std::uint16_t kind) {
  if (kind == 1) return FatbinEntry::Kind::ptx;
  return kind == 2 ? FatbinEntry::Kind::machine_code : FatbinEntry::Kind::other;
}

}  // namespace

std::vector<FatbinEntry> fatbin_entries(const void* fatbin) {
  const char* const header = static_cast<const char*>(fatbin);
  const std::size_t header_size = read<std::uint16_t>(header + 6);
  if (header_size < kSmallestHeader) {
    throw ImageError(kBadImage,
                     "fatbin with a header of " + std::to_string(header_size) + " bytes, expected 16");
  }
  const char* at = header + header_size;
  std::uint64_t left = read<std::uint64_t>(header + 8);
  std::vector<FatbinEntry> entries;
  while (left != 0) {
    const std::string which = "fatbin entry " + std::to_string(entries.size());
    if (left < kSmallestEntry) throw ImageError(kBadImage, which + " is cut off");
    const std::uint64_t entry_header = read<std::uint32_t>(at + 4);
    const std::uint64_t size = read<std::uint64_t>(at + 8);
    if (entry_header < kSmallestEntry || entry_header > left || size > left - entry_header) {
      throw ImageError(kBadImage, which + " reaches beyond the end of the fatbin");
    }
    const bool compressed =
        read<std::uint32_t>(at + 16) != 0 || (read<std::uint64_t>(at + 40) & (kFlagLz4 | kFlagZstd)) != 0;
    entries.push_back({kind_of(read<std::uint16_t>(at)), compressed, read<std::uint32_t>(at + 28),
                       std::string_view(at + entry_header, size)});
    at += entry_header + size;
    left -= entry_header + size;
  }
  return entries;
}

}  // namespace softgpu
