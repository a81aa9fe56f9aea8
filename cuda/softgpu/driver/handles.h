// Handles: numbers that look like pointers, never used twice, so that a stale or foreign one is told apart.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "call_error.h"

namespace softgpu {

enum class HandleKind : std::uint8_t {
  none,
  context,
  module,
  function,
  library,
  kernel,
  stream,
  event,
  graph,
  graph_node,
  graph_exec,
  pool,
};

const char* name_of(HandleKind kind);

/// Objects by handle. A type says what it is by `kKind` and what its handle is called by `Handle`.
///
/// A handle is kMark | kind << 40 | serial number: no address of a process, so a host that dereferences one
/// faults.
class Handles {
 public:
  template <class T>
  typename T::Handle add(std::shared_ptr<T> object) {
    const std::uint64_t handle = kMark | static_cast<std::uint64_t>(T::kKind) << 40 | ++serial_;
    objects_.emplace(handle, std::move(object));
    return reinterpret_cast<typename T::Handle>(handle);
  }

  /// The living object of a handle. Throws CallError: `code` and what the handle is instead.
  template <class T>
  std::shared_ptr<T> find(typename T::Handle handle, int code = CUDA_ERROR_INVALID_HANDLE) const {
    const auto found = objects_.find(reinterpret_cast<std::uint64_t>(handle));
    if (found == objects_.end() || kind_of(found->first) != T::kKind)
      throw CallError(code, what_is(reinterpret_cast<std::uint64_t>(handle), T::kKind));
    return std::static_pointer_cast<T>(found->second);
  }
  template <class T>
  std::shared_ptr<T> find_or_null(typename T::Handle handle) const {
    const auto found = objects_.find(reinterpret_cast<std::uint64_t>(handle));
    if (found == objects_.end() || kind_of(found->first) != T::kKind) return nullptr;
    return std::static_pointer_cast<T>(found->second);
  }
  /// All living objects of a type, oldest first.
  template <class T>
  std::vector<std::pair<typename T::Handle, std::shared_ptr<T>>> all() const {
    std::vector<std::pair<typename T::Handle, std::shared_ptr<T>>> result;
    for (const std::uint64_t handle : sorted(T::kKind)) {
      result.emplace_back(reinterpret_cast<typename T::Handle>(handle),
                          std::static_pointer_cast<T>(objects_.at(handle)));
    }
    return result;
  }
  void remove(const void* handle) { objects_.erase(reinterpret_cast<std::uint64_t>(handle)); }

 private:
  static constexpr std::uint64_t kMark = 0x0006'0000'0000'0000;
  static HandleKind kind_of(std::uint64_t handle) { return static_cast<HandleKind>(handle >> 40 & 0xff); }
  std::string what_is(std::uint64_t handle, HandleKind expected) const;
  std::vector<std::uint64_t> sorted(HandleKind kind) const;

  std::unordered_map<std::uint64_t, std::shared_ptr<void>> objects_;
  std::uint64_t serial_ = 0;
};

}  // namespace softgpu
