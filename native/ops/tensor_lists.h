// Lists of tensors as operands of multi-tensor kernels: all of one list, then all of the next.
#pragma once

#include "backend.h"

namespace lapidary {

/// The tensors of one list of a multi-tensor kernel, taken from the front of what is left of its operands.
template <class T>
T* const* take_list(void* const*& operands, const Counts& counts) {
  auto list = reinterpret_cast<T* const*>(operands);
  operands += counts.size();
  return list;
}
inline void add_list(Operands& list, const char* name, const Counts& counts, Role role,
                     DType dtype = DType::F32) {
  for (int64_t count : counts) list.push_back({name, dtype, count, role});
}

}  // namespace lapidary
