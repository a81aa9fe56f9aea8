// Data movement: strided copy (concat, slice, pad, transpose, broadcast), fill, casts.
//
// Variants
//   runs       strided_copy: axes that both sides step through as one are merged; what is left is copied run
//              by run along the last axis, with memcpy where it is contiguous.
//   streaming  fill and cast: the flat tensor in parallel.
//   ref        an element at a time.
//
// Bytes only: 8 an element of f32 (fill 4, cast of u8 5). Bound by memory; a transpose by its strided reads.
// Bench: npm run bench:kernel -- --kernel strided_copy --problem
//        "dims=128x1024x16 x_strides=16384x16x1 y_strides=32768x32x1 x_count=2097152 y_count=4194304
//        partial=1"
#include "ops/layout.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class E>
void copy_elements(const StridedCopyProblem& p, const E* x, E* y) {
  const int64_t count = p.dims.count();
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, from = p.x_offset, to = p.y_offset;
    for (int axis = p.dims.rank() - 1; axis >= 0; --axis) {
      const int64_t at = rest % p.dims[axis];
      rest /= p.dims[axis];
      from += at * p.x_strides[axis];
      to += at * p.y_strides[axis];
    }
    y[to] = x[from];
  }
}

template <class T>
void strided_copy_ref(const StridedCopyProblem& p, const StridedCopy<T>& a, KernelContext&) {
  if (p.bytes == 1)
    copy_elements(p, reinterpret_cast<const uint8_t*>(a.x), reinterpret_cast<uint8_t*>(a.y));
  else
    copy_elements(p, a.x, a.y);
}

template <class T>
void fill_ref(const FillProblem& p, const Fill<T>& a, KernelContext&) {
  std::fill_n(a.y, p.count, static_cast<T>(p.value));
}

template <class T>
int32_t truncate(T x) {
  if (x != x) return 0;
  if (x >= T(2147483648.0)) return std::numeric_limits<int32_t>::max();
  if (x <= T(-2147483648.0)) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(x);
}

template <class T>
void cast_ref(const CastProblem& p, const Cast<T>& a, KernelContext&) {
  const auto convert = [&]<class From, class To>(const From* x, To* y) {
    for (int64_t i = 0; i < p.count; ++i) {
      if constexpr (std::is_same_v<To, int32_t>)
        y[i] = truncate(x[i]);
      else
        y[i] = static_cast<To>(x[i]);
    }
  };
  switch (p.kind) {
    case CastKind::U8ToF32:
      return convert(static_cast<const uint8_t*>(a.x), static_cast<T*>(a.y));
    case CastKind::I32ToF32:
      return convert(static_cast<const int32_t*>(a.x), static_cast<T*>(a.y));
    case CastKind::F32ToI32:
      return convert(static_cast<const T*>(a.x), static_cast<int32_t*>(a.y));
  }
}

// The same problem with axes of extent 1 dropped and neighbours merged wherever both sides step through them
// as one.
StridedCopyProblem merged(const StridedCopyProblem& p) {
  StridedCopyProblem q = p;
  q.dims = {}, q.x_strides = {}, q.y_strides = {};
  for (int axis = 0; axis < p.dims.rank(); ++axis) {
    if (p.dims[axis] == 1) continue;
    const int last = q.dims.rank() - 1;
    if (last >= 0 && q.x_strides[last] == p.x_strides[axis] * p.dims[axis] &&
        q.y_strides[last] == p.y_strides[axis] * p.dims[axis]) {
      q.dims[last] *= p.dims[axis];
      q.x_strides[last] = p.x_strides[axis], q.y_strides[last] = p.y_strides[axis];
    } else {
      q.dims.push_back(p.dims[axis]);
      q.x_strides.push_back(p.x_strides[axis]), q.y_strides.push_back(p.y_strides[axis]);
    }
  }
  if (q.dims.rank() == 0) q.dims = {1}, q.x_strides = {1}, q.y_strides = {1};
  return q;
}

template <class E>
void copy_runs(const StridedCopyProblem& p, const E* x, E* y, KernelContext& context) {
  const StridedCopyProblem q = merged(p);
  const int last = q.dims.rank() - 1;
  const int64_t xs = q.x_strides[last], ys = q.y_strides[last];
  // Long runs are cut, so that one run alone is shared by the threads too.
  const int64_t run = q.dims[last], piece = std::min(run, kStreamGrain), pieces = ceil_div(run, piece);
  const auto copy = [&](int64_t task) {
    int64_t rest = task / pieces;
    const int64_t begin = task % pieces * piece, count = std::min(piece, run - begin);
    const E* from = x + q.x_offset + begin * xs;
    E* to = y + q.y_offset + begin * ys;
    for (int axis = last - 1; axis >= 0; --axis) {
      const int64_t at = rest % q.dims[axis];
      rest /= q.dims[axis];
      from += at * q.x_strides[axis];
      to += at * q.y_strides[axis];
    }
    if (xs == 1 && ys == 1)
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(E));
    else
      for (int64_t i = 0; i < count; ++i) to[i * ys] = from[i * xs];
  };
  const int64_t grain = std::max<int64_t>(kStreamGrain / piece, 1);
  for_ranges(context, q.dims.count() / run * pieces, grain, [&](int64_t begin, int64_t end, int64_t, int) {
    for (int64_t task = begin; task < end; ++task) copy(task);
  });
}

void strided_copy_runs(const StridedCopyProblem& p, const StridedCopy<float>& a, KernelContext& context) {
  if (p.bytes == 1)
    copy_runs(p, reinterpret_cast<const uint8_t*>(a.x), reinterpret_cast<uint8_t*>(a.y), context);
  else
    copy_runs(p, a.x, a.y, context);
}

void fill_streaming(const FillProblem& p, const Fill<float>& a, KernelContext& context) {
  const Vec value = broadcast(p.value);
  parallel_vectors(context, p.count, [=](int64_t i, auto lanes) { store(a.y + i, value, lanes); });
}

void cast_streaming(const CastProblem& p, const Cast<float>& a, KernelContext& context) {
  for_ranges(context, p.count, kStreamGrain, [&](int64_t begin, int64_t end, int64_t, int) {
    CastProblem part = p;
    part.count = end - begin;
    const size_t from = p.kind == CastKind::U8ToF32 ? 1 : 4;
    cast_ref<float>(
        part,
        {static_cast<const char*>(a.x) + static_cast<size_t>(begin) * from, static_cast<float*>(a.y) + begin},
        context);
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(strided_copy, StridedCopy, strided_copy_ref,
                       implementation<StridedCopy<float>, &strided_copy_runs>("runs"))
LAPIDARY_DEFINE_KERNEL(fill, Fill, fill_ref, implementation<Fill<float>, &fill_streaming>("streaming"))
LAPIDARY_DEFINE_KERNEL(cast, Cast, cast_ref, implementation<Cast<float>, &cast_streaming>("streaming"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
