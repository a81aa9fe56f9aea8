// NVIDIA's fat binary: a header and entries with PTX or machine code for several architectures.
//
// The wrapper is documented in fatbinary_section.h. The entries are not; their layout was read from files
// that nvcc 13.0 wrote (little-endian, offsets in bytes):
//   header  +0 magic u32, +4 version u16, +6 its own size u16, +8 size of all entries u64
//   entry   +0 kind u16 (1 PTX, 2 cubin), +4 its own header's size u32, +8 size of its data u64 (padded to
//   8),
//           +16 compressed size u32 (0: stored plainly), +28 architecture u32, +40 flags u64
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace softgpu {

/// The static struct that nvcc puts into host objects; `data` points to the fatbin.
struct FatbinWrapper {
  std::uint32_t magic;
  std::uint32_t version;
  const void* data;
  const void* prelinked;
};

constexpr std::uint32_t kFatbinWrapperMagic = 0x466243B1;
constexpr std::uint32_t kFatbinMagic = 0xBA55ED50;

struct FatbinEntry {
  enum class Kind : std::uint8_t { ptx, machine_code, other };
  Kind kind;
  bool compressed;
  std::uint32_t architecture;  ///< 80 = sm_80
  std::string_view data;       ///< a view of the image, with its padding
};

/// The entries of the fatbin at `fatbin`, which begins with kFatbinMagic. Nothing outside the size its header
/// states is read. Throws ImageError (200) where the entries do not fill exactly that size.
std::vector<FatbinEntry> fatbin_entries(const void* fatbin);

}  // namespace softgpu
