// Argument unpacking: every value from JavaScript is checked before use and refused with a typed error.
#pragma once

#include <napi.h>

#include <cmath>
#include <optional>
#include <span>

#include "core/dims.h"
#include "core/dtype.h"
#include "core/error.h"

namespace lapidary {

inline double number_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsNumber()) fail(ErrorCode::Argument, "expected a number for %s", name);
  return info[index].As<Napi::Number>().DoubleValue();
}

inline int64_t integer_argument(const Napi::CallbackInfo& info, size_t index, const char* name, int64_t low,
                                int64_t high) {
  const double value = number_argument(info, index, name);
  if (!(value >= static_cast<double>(low) && value <= static_cast<double>(high)) ||
      value != std::floor(value)) {
    fail(ErrorCode::Argument, "expected a whole number in [%lld, %lld] for %s, got %g",
         static_cast<long long>(low), static_cast<long long>(high), name, value);
  }
  return static_cast<int64_t>(value);
}

inline bool boolean_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsBoolean()) fail(ErrorCode::Argument, "expected a boolean for %s", name);
  return info[index].As<Napi::Boolean>().Value();
}

inline std::string string_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsString()) fail(ErrorCode::Argument, "expected a string for %s", name);
  return info[index].As<Napi::String>().Utf8Value();
}

/// What a typed array holds. A detached one has no elements.
struct HostArray {
  napi_typedarray_type type;
  size_t length;
  void* data;
};
inline std::optional<HostArray> host_array_argument(const Napi::Value& value) {
  HostArray array{static_cast<napi_typedarray_type>(-1), 0, nullptr};
  const napi_status status =
      napi_get_typedarray_info(value.Env(), value, &array.type, &array.length, &array.data, nullptr, nullptr);
  if (status != napi_ok) return std::nullopt;  // no typed array
  return array;
}

/// A typed array of element type T (int32_t, double, ...). Its memory stays JavaScript's: read it before
/// returning.
template <class T>
std::span<T> array_argument(const Napi::Value& value, napi_typedarray_type type, const char* name) {
  const auto array = host_array_argument(value);
  if (!array || array->type != type) {
    fail(ErrorCode::Argument, "expected a typed array of the right kind for %s", name);
  }
  if (array->length == 0) return {};
  return {static_cast<T*>(array->data), array->length};
}
inline std::span<int32_t> int32_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return array_argument<int32_t>(info[index], napi_int32_array, name);
}
inline std::span<double> float64_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  return array_argument<double>(info[index], napi_float64_array, name);
}

/// The raw bytes of a host array that must have the element type of `dtype`.
inline std::span<const uint8_t> host_argument(const Napi::Value& value, DType dtype, const char* name) {
  const napi_typedarray_type type = dtype == DType::F32   ? napi_float32_array
                                    : dtype == DType::I32 ? napi_int32_array
                                                          : napi_uint8_array;
  const auto array = host_array_argument(value);
  if (!array || array->type != type) {
    fail(ErrorCode::DType, "expected %s for %s of dtype %s",
         dtype == DType::F32   ? "a Float32Array"
         : dtype == DType::I32 ? "an Int32Array"
                               : "a Uint8Array",
         name, dtype_name(dtype));
  }
  if (array->length == 0) return {};
  return {static_cast<const uint8_t*>(array->data), array->length * dtype_size(dtype)};
}

}  // namespace lapidary
