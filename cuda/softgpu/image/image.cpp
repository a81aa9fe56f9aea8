#include "image.h"

#include <cstring>
#include <string_view>

#include "fatbin.h"

namespace softgpu {

namespace {

constexpr int kBadImage = 200;
constexpr int kNoBinaryForDevice = 209;

/// Byte by byte, for a short text may end before four of them.
bool begins_with(const char* image, std::uint32_t magic) {
  for (int i = 0; i < 4; ++i) {
    if (static_cast<unsigned char>(image[i]) != ((magic >> (8 * i)) & 0xff)) return false;
  }
  return true;
}

constexpr std::uint32_t kElfMagic = 0x464c457f;

/// PTX begins with a directive or a comment.
bool looks_like_ptx(const char* text) {
  while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') ++text;
  return *text == '.' || (text[0] == '/' && (text[1] == '/' || text[1] == '*'));
}

[[noreturn]] void fail_without_ptx(const std::vector<FatbinEntry>& entries, std::uint32_t architecture) {
  const std::string device = "sm_" + std::to_string(architecture);
  bool machine_code = false, compressed = false;
  std::string newer;
  for (const FatbinEntry& entry : entries) {
    if (entry.kind != FatbinEntry::Kind::ptx) {
      machine_code |= entry.kind == FatbinEntry::Kind::machine_code;
    } else if (entry.architecture <= architecture) {
      compressed = true;
    } else {
      newer += (newer.empty() ? "" : ", ") + ("compute_" + std::to_string(entry.architecture));
    }
  }
  if (compressed) {
    throw ImageError(
        kNoBinaryForDevice,
        "the fatbin's PTX for " + device +
            " is compressed, which softgpu does not read: compile with nvcc --compress-mode=none");
  }
  if (!newer.empty()) {
    throw ImageError(kNoBinaryForDevice, "the fatbin has PTX for " + newer + " only, the device is " +
                                             device + ": compile with -gencode arch=compute_" +
                                             std::to_string(architecture) + ",code=compute_" +
                                             std::to_string(architecture));
  }
  throw ImageError(kNoBinaryForDevice,
                   machine_code ? "the fatbin has machine code only, softgpu runs PTX: compile with "
                                  "-gencode arch=compute_80,code=compute_80 --compress-mode=none"
                                : "the fatbin has no PTX");
}

std::string ptx_of_fatbin(const void* fatbin, std::uint32_t architecture) {
  const std::vector<FatbinEntry> entries = fatbin_entries(fatbin);
  const FatbinEntry* newest = nullptr;
  for (const FatbinEntry& entry : entries) {
    if (entry.kind != FatbinEntry::Kind::ptx || entry.compressed || entry.architecture > architecture)
      continue;
    if (newest == nullptr || entry.architecture > newest->architecture) newest = &entry;
  }
  if (newest == nullptr) fail_without_ptx(entries, architecture);
  return std::string(newest->data.substr(0, newest->data.find('\0')));  // padded with NULs
}

}  // namespace

std::string ptx_of(const void* image, std::uint32_t architecture) {
  if (image == nullptr) throw ImageError(kBadImage, "the image is a null pointer");
  const char* const bytes = static_cast<const char*>(image);
  if (begins_with(bytes, kFatbinMagic)) return ptx_of_fatbin(image, architecture);
  if (begins_with(bytes, kFatbinWrapperMagic)) {
    FatbinWrapper wrapper;
    std::memcpy(&wrapper, image, sizeof wrapper);
    const char* const fatbin = static_cast<const char*>(wrapper.data);
    if (fatbin == nullptr || !begins_with(fatbin, kFatbinMagic)) {
      throw ImageError(kBadImage, "the wrapper does not point to a fatbin");
    }
    return ptx_of_fatbin(fatbin, architecture);
  }
  if (begins_with(bytes, kElfMagic)) {
    throw ImageError(
        kNoBinaryForDevice,
        "the image is a cubin (machine code), softgpu runs PTX: compile with nvcc -ptx, or -fatbin "
        "--compress-mode=none with code=compute_80");
  }
  if (looks_like_ptx(bytes)) return std::string(bytes);
  throw ImageError(kBadImage, "the image is neither PTX text, nor a fatbin, nor its wrapper");
}

}  // namespace softgpu
