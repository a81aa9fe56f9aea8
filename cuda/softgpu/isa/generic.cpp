#include "generic.h"

#include "../machine/block.h"

namespace softgpu {

std::byte* generic_bytes(Warp& warp, std::uint32_t lane, std::uint64_t address, std::uint64_t bytes,
                         std::string& why) {
  Block& block = warp.block();
  const std::uint64_t offset = offset_in_window(address);
  switch (window_of(address)) {
    case Window::global:
      if (block.device().memory.contains(address) && block.device().memory.find(address, bytes)) {
        return block.device().memory.bytes(address);
      }
      why = block.device().memory.describe(address);
      return nullptr;
    case Window::shared:
      if (offset + bytes <= block.shared_bytes()) return block.shared(offset);
      why = "shared memory has " + std::to_string(block.shared_bytes()) + " bytes";
      return nullptr;
    case Window::local:
      if (offset + bytes <= warp.local_bytes()) return warp.local(lane, offset);
      why = "local memory has " + std::to_string(warp.local_bytes()) + " bytes";
      return nullptr;
    default:
      why = "the address lies in no window";
      return nullptr;
  }
}

std::string read_string(Warp& warp, std::uint32_t lane, std::uint64_t address) {
  std::string text, why;
  while (text.size() < 65536) {
    const std::byte* byte = generic_bytes(warp, lane, address + text.size(), 1, why);
    if (byte == nullptr) warp.fault(Check::bounds, lane, "a string leaves its allocation: " + why, 700);
    if (*byte == std::byte{0}) break;
    text += static_cast<char>(*byte);
  }
  return text;
}

}  // namespace softgpu
