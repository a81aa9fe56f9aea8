#include "handles.h"

#include <algorithm>
#include <cstdio>

namespace softgpu {

const char* name_of(HandleKind kind) {
  switch (kind) {
    case HandleKind::none:
      return "nothing";
    case HandleKind::context:
      return "context";
    case HandleKind::module:
      return "module";
    case HandleKind::function:
      return "function";
    case HandleKind::library:
      return "library";
    case HandleKind::kernel:
      return "kernel";
    case HandleKind::stream:
      return "stream";
    case HandleKind::event:
      return "event";
    case HandleKind::graph:
      return "graph";
    case HandleKind::graph_node:
      return "graph node";
    case HandleKind::graph_exec:
      return "executable graph";
    case HandleKind::pool:
      return "memory pool";
  }
  return "?";
}

std::string Handles::what_is(std::uint64_t handle, HandleKind expected) const {
  char hexadecimal[32];
  std::snprintf(hexadecimal, sizeof hexadecimal, "0x%llx", static_cast<unsigned long long>(handle));
  std::string text = std::string("expected a ") + name_of(expected) + ", got ";
  if (handle == 0) return text + "NULL";
  const std::uint64_t serial = handle & 0xff'ffff'ffff;
  if ((handle & ~0xffff'ffff'ffffull) != kMark || serial == 0 || serial > serial_)
    return text + hexadecimal + ", which no call of this process has returned";
  const HandleKind kind = kind_of(handle);
  return text + (objects_.contains(handle) ? "the " : "a destroyed ") + name_of(kind) + " " + hexadecimal;
}

std::vector<std::uint64_t> Handles::sorted(HandleKind kind) const {
  std::vector<std::uint64_t> handles;
  for (const auto& [handle, object] : objects_) {
    if (kind_of(handle) == kind) handles.push_back(handle);
  }
  std::sort(handles.begin(), handles.end());
  return handles;
}

}  // namespace softgpu
