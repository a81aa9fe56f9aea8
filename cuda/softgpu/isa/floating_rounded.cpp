// f32 and f64 arithmetic with directed rounding, .ftz and .sat: lane by lane under the processor's rounding
// mode.
//
// Compiled with -frounding-math, which keeps the compiler from folding and moving what the mode changes and
// from vectorising it; the unmodified forms are in floating.cpp.
#include "floating.h"

namespace softgpu {

using namespace floating;

namespace {

/// immediate: Rounding. flags: .ftz, .sat.
template <class T, class F>
void binary_modified(Warp& warp, const Op& op) {
  const RoundingMode mode(static_cast<Rounding>(op.immediate));
  const bool flushes = (op.flags & kFlush) != 0, saturates = (op.flags & kSaturate) != 0;
  const T *a = warp.lanes<T>(op.a), *b = warp.lanes<T>(op.b);
  T* d = warp.lanes<T>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    T value = kept(F::template apply<T>(kept(flushes ? flush(a[i]) : a[i]), flushes ? flush(b[i]) : b[i]));
    if (flushes) value = flush(value);
    d[i] = saturates ? saturate(value) : canonical(value);
  }
  warp.define(op.d, warp.defined(op.a) & warp.defined(op.b));
}

template <class T>
void fused_modified(Warp& warp, const Op& op) {
  const RoundingMode mode(static_cast<Rounding>(op.immediate));
  const bool flushes = (op.flags & kFlush) != 0, saturates = (op.flags & kSaturate) != 0;
  const T *a = warp.lanes<T>(op.a), *b = warp.lanes<T>(op.b), *c = warp.lanes<T>(op.c);
  T* d = warp.lanes<T>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    T value = kept(flushes ? std::fma(kept(flush(a[i])), flush(b[i]), flush(c[i]))
                           : std::fma(kept(a[i]), b[i], c[i]));
    if (flushes) value = flush(value);
    d[i] = saturates ? saturate(value) : canonical(value);
  }
  warp.define(op.d, warp.defined(op.a) & warp.defined(op.b) & warp.defined(op.c));
}

template <class T>
Handler handler_of(std::string_view name) {
  if (name == "add") return binary_modified<T, Add>;
  if (name == "sub") return binary_modified<T, Subtract>;
  if (name == "mul") return binary_modified<T, Multiply>;
  if (name == "div") return binary_modified<T, Divide>;
  if (name == "fma" || name == "mad") return fused_modified<T>;
  return nullptr;
}

}  // namespace

Handler rounded_handler(std::string_view opcode, bool single) {
  return single ? handler_of<float>(opcode) : handler_of<double>(opcode);
}

}  // namespace softgpu
