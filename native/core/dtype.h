// Element types. f32 is the type of record; bf16 is reserved as a storage type for the tensor-core kernels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lapidary {

enum class DType : uint8_t { F32 = 0, I32 = 1, U8 = 2, BF16 = 3 };

inline constexpr int kDTypeCount = 4;

constexpr size_t dtype_size(DType dtype) noexcept {
  switch (dtype) {
    case DType::F32:
    case DType::I32:
      return 4;
    case DType::U8:
      return 1;
    case DType::BF16:
      return 2;
  }
  return 0;
}

constexpr const char* dtype_name(DType dtype) noexcept {
  switch (dtype) {
    case DType::F32:
      return "f32";
    case DType::I32:
      return "i32";
    case DType::U8:
      return "u8";
    case DType::BF16:
      return "bf16";
  }
  return "?";
}

}  // namespace lapidary
