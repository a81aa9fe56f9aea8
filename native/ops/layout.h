// Data movement: strided copies (concat, slice, pad, transpose, broadcast), fill, gather, casts.
#pragma once

#include "backend.h"

namespace lapidary {

struct StridedCopyProblem {
  Dims dims, x_strides, y_strides;  ///< extents copied, strides in elements
  int64_t x_offset = 0, y_offset = 0;
  int64_t x_count = 1, y_count = 1;  ///< elements of the whole tensors
  bool partial = false;  ///< y has elements that this copy does not write (it is then read and written)
  int64_t bytes = 4;     ///< of an element: 4 (f32, i32) or 1 (u8)
  void check() const {
    check_extents({x_count});
    check_extents({y_count});
    check_reach(dims, x_strides, x_offset, x_count);
    check_reach(dims, y_strides, y_offset, y_count);
    if (bytes != 1 && bytes != 4) fail(ErrorCode::Argument, "expected elements of 1 or 4 bytes");
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("dims", self.dims), visit("x_strides", self.x_strides), visit("y_strides", self.y_strides);
    visit("x_offset", self.x_offset), visit("y_offset", self.y_offset), visit("x_count", self.x_count);
    visit("y_count", self.y_count), visit("partial", self.partial), visit("bytes", self.bytes);
  }
};

/// y[y_offset + i . y_strides] = x[x_offset + i . x_strides]. Copies bits: for 4-byte elements T stands for
/// any of them.
template <class T>
struct StridedCopy {
  using Problem = StridedCopyProblem;
  const T* x;
  T* y;
  static Operands operands(const Problem& p) {
    const DType dtype = p.bytes == 1 ? DType::U8 : DType::F32;
    return {in("x", p.x_count, dtype), p.partial ? inout("y", p.y_count, dtype) : out("y", p.y_count, dtype)};
  }
};

struct FillProblem {
  int64_t count = 1;
  float value = 0;
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("value", self.value);
  }
};

template <class T>
struct Fill {
  using Problem = FillProblem;
  T* y;
  static Operands operands(const Problem& p) { return {out("y", p.count)}; }
};

struct GatherProblem {
  int64_t outer = 1, extent = 1, inner = 1, picks = 1;
  int64_t bytes = 4;  ///< of an element; backward is f32 only
  void check() const {
    check_extents({outer, extent, inner});
    check_extents({outer, picks, inner});
    if (bytes != 1 && bytes != 4) fail(ErrorCode::Argument, "expected elements of 1 or 4 bytes");
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("outer", self.outer), visit("extent", self.extent), visit("inner", self.inner),
        visit("picks", self.picks);
    visit("bytes", self.bytes);
  }
};

/// y[outer, picks, inner] = x[outer, index[picks], inner]. An index outside 0..extent-1 faults with
/// ERR_INDEX.
template <class T>
struct GatherForward {
  using Problem = GatherProblem;
  const T* x;
  const int32_t* index;
  T* y;
  static Operands operands(const Problem& p) {
    const DType dtype = p.bytes == 1 ? DType::U8 : DType::F32;
    return {in("x", p.outer * p.extent * p.inner, dtype), in("index", p.picks, DType::I32),
            out("y", p.outer * p.picks * p.inner, dtype)};
  }
};

/// dx = 0; dx[outer, index[j], inner] += dy[outer, j, inner], j ascending (so repeats add in a fixed order).
template <class T>
struct GatherBackward {
  using Problem = GatherProblem;
  const T* dy;
  const int32_t* index;
  T* dx;
  static Operands operands(const Problem& p) {
    return {in("dy", p.outer * p.picks * p.inner), in("index", p.picks, DType::I32),
            out("dx", p.outer * p.extent * p.inner)};
  }
};

enum class CastKind : uint8_t { U8ToF32, I32ToF32, F32ToI32 };
inline const char* const* enum_names(CastKind) {
  static constexpr const char* kNames[] = {"u8_to_f32", "i32_to_f32", "f32_to_i32", nullptr};
  return kNames;
}

struct CastProblem {
  int64_t count = 1;
  CastKind kind = CastKind::U8ToF32;
  void check() const { check_extents({count}); }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("count", self.count), visit("kind", self.kind);
  }
};

/// Values are kept (u8 255 -> 255.0f); f32 to i32 truncates and saturates, NaN becomes 0.
template <class T>
struct Cast {
  using Problem = CastProblem;
  const void* x;
  void* y;
  static Operands operands(const Problem& p) {
    const DType from = p.kind == CastKind::U8ToF32    ? DType::U8
                       : p.kind == CastKind::I32ToF32 ? DType::I32
                                                      : DType::F32;
    return {in("x", p.count, from),
            out("y", p.count, p.kind == CastKind::F32ToI32 ? DType::I32 : DType::F32)};
  }
};

}  // namespace lapidary
