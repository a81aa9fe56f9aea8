#include "cuda/kernel_image.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace lapidary::cuda {
namespace {

constexpr size_t kTarBlock = 512;

/// A header of a tar: https://www.gnu.org/software/tar/manual/html_node/Standard.html
struct TarHeader {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
  char rest[355];
};
static_assert(sizeof(TarHeader) == kTarBlock);

/// The beginnings of a fatbin and of each piece of code in it, as far as they are known to everyone who reads
/// them.
struct FatbinHeader {
  uint32_t magic;
  uint16_t version, header_size;
  uint64_t size;  ///< of all entries
};
struct FatbinEntry {
  uint16_t kind;  ///< 1: PTX, 2: machine code
  uint16_t version;
  uint32_t header_size;
  uint64_t size;
  uint32_t compressed_size, unknown;
  uint16_t minor, major;
  uint32_t architecture;
};
constexpr uint32_t kFatbinMagic = 0xBA55ED50;

}  // namespace

std::string KernelImage::path() {
  const char* named = std::getenv("LAPIDARY_CUDA_IMAGE");
  if (named && *named) return named;
  Dl_info self;
  if (!dladdr(reinterpret_cast<void*>(&KernelImage::path), &self) || !self.dli_fname)
    return "lapidary.fatbin";
  std::string folder = self.dli_fname;  // <package>/build/Release/lapidary.node
  for (int up = 0; up < 2; ++up) folder.resize(std::min(folder.rfind('/'), folder.size()));
  return folder + "/cuda/lapidary.fatbin";
}

KernelImage::KernelImage(const std::string& path) : path_(path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    fail(ErrorCode::Device,
         "no kernel image at %s (%s); a package from the registry has it, in a clone run: npm run build:cuda",
         path.c_str(), std::strerror(errno));
  }
  struct stat status {};
  if (fstat(file, &status) == 0 && status.st_size > 0) {
    size_ = static_cast<size_t>(status.st_size);
    mapped_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped_ == MAP_FAILED) mapped_ = nullptr;
  }
  close(file);
  const auto* bytes = static_cast<const char*>(mapped_);
  for (size_t place = 0; bytes && place + kTarBlock <= size_;) {
    TarHeader header;
    std::memcpy(&header, bytes + place, sizeof header);
    if (!header.name[0]) break;
    const size_t size = std::strtoull(std::string(header.size, sizeof header.size).c_str(), nullptr, 8);
    place += kTarBlock;
    if (size > size_ - place) {
      modules_.clear();  // cut off
      break;
    }
    std::string name(header.name, strnlen(header.name, sizeof header.name));
    uint32_t magic = 0;
    if (size >= sizeof(FatbinHeader)) std::memcpy(&magic, bytes + place, sizeof magic);
    if (magic == kFatbinMagic && name.ends_with(".fatbin")) {
      name.resize(name.size() - std::strlen(".fatbin"));
      modules_[name].code = {bytes + place, size};
    }
    place += (size + kTarBlock - 1) / kTarBlock * kTarBlock;
  }
  if (modules_.empty()) {
    if (mapped_) munmap(mapped_, size_);
    fail(ErrorCode::Device, "%s is no kernel image, or is cut off; build it again: npm run build:cuda",
         path.c_str());
  }
}

KernelImage::~KernelImage() {
  if (mapped_) munmap(mapped_, size_);
}

CUfunction KernelImage::function(const DriverApi& api, Kernel kernel, size_t shared_bytes) {
  const auto found = modules_.find(kernel.file);
  if (found == modules_.end()) {
    fail(ErrorCode::Device, "the kernel image %s lacks %.*s; it is of another version: npm run build:cuda",
         path_.c_str(), static_cast<int>(kernel.file.size()), kernel.file.data());
  }
  Module& module = found->second;
  if (!module.handle) api.call(api.load_module, &module.handle, static_cast<const void*>(module.code.data()));
  Function& function = module.functions[std::string(kernel.function)];
  if (!function.handle) {
    const CUresult result =
        api.get_function.function(&function.handle, module.handle, std::string(kernel.function).c_str());
    if (result != kSuccess) {
      fail(ErrorCode::Device,
           "the kernel image %s has no %.*s in %s: %s; it is of another version: npm run build:cuda",
           path_.c_str(), static_cast<int>(kernel.function.size()), kernel.function.data(),
           found->first.c_str(), api.describe(result).c_str());
    }
  }
  // Less than 48 KB too: static shared memory counts towards what a kernel has without asking.
  if (shared_bytes > function.shared_bytes) {
    api.call(api.set_function_attribute, function.handle, kFunctionMaximumDynamicShared,
             static_cast<int>(shared_bytes));
    function.shared_bytes = shared_bytes;
  }
  return function.handle;
}

std::vector<std::string> KernelImage::architectures() const {
  std::vector<std::string> names;
  const std::string_view code = modules_.begin()->second.code;
  FatbinHeader header;
  std::memcpy(&header, code.data(), sizeof header);
  size_t place = header.header_size;
  while (place + sizeof(FatbinEntry) <= code.size()) {
    FatbinEntry entry;
    std::memcpy(&entry, code.data() + place, sizeof entry);
    if (entry.header_size < sizeof entry || entry.kind < 1 || entry.kind > 2) break;
    names.push_back((entry.kind == 1 ? "compute_" : "sm_") + std::to_string(entry.architecture));
    place += entry.header_size + entry.size;
  }
  return names;
}

std::string KernelImage::ptx_version() const {
  constexpr std::string_view kDirective = ".version ";
  const std::string_view code = modules_.begin()->second.code;
  const size_t place = code.find(kDirective);
  if (place == std::string_view::npos) return {};
  const std::string_view rest = code.substr(place + kDirective.size());
  return std::string(rest.substr(0, rest.find_first_not_of("0123456789.")));
}

}  // namespace lapidary::cuda
