// Lists of tensors as operands of multi-tensor kernels: all of one list, then all of the next.
#pragma once

#include "backend.h"

namespace lapidary {

/// The tensors of one list of a multi-tensor kernel, taken from the front of what is left of its operands.
template <class T>
T* const* take_list(void* const*& operands, int64_t tensors) {
  auto list = reinterpret_cast<T* const*>(operands);
  operands += tensors;
  return list;
}
template <class T>
T* const* take_list(void* const*& operands, const Counts& counts) {
  return take_list<T>(operands, static_cast<int64_t>(counts.size()));
}
inline void add_list(Operands& list, const char* name, const Counts& counts, Role role,
                     DType dtype = DType::F32) {
  for (int64_t count : counts) list.push_back({name, dtype, count, role});
}
/// A list of f32 tensors of one size.
inline void add_list(Operands& list, const char* name, int64_t tensors, int64_t count, Role role) {
  for (int64_t each = 0; each < tensors; ++each) list.push_back({name, DType::F32, count, role});
}

}  // namespace lapidary
