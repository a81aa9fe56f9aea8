// Many tensors walked as if they were one: the pieces of multi-tensor kernels.
#pragma once

#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Elements of one piece of the joined tensors.
inline constexpr int64_t kPiece = 16384;

inline int64_t total_of(const Counts& counts) {
  int64_t total = 0;
  for (int64_t count : counts) total += count;
  return total;
}

/// body(tensor, first, last) for the parts of tensors that lie in begin..end-1 of all tensors joined.
template <class Body>
void for_parts(const Counts& counts, int64_t begin, int64_t end, Body&& body) {
  int64_t start = 0;
  for (size_t tensor = 0; tensor < counts.size() && start < end; start += counts[tensor++]) {
    const int64_t first = std::max(begin - start, int64_t{0}), last = std::min(end - start, counts[tensor]);
    if (first < last) body(tensor, first, last);
  }
}

/// body(piece, tensor, first, last), pieces in parallel.
template <class Body>
void parallel_parts(KernelContext& context, const Counts& counts, const Body& body) {
  const int64_t total = total_of(counts);
  context.parallel(ceil_div(total, kPiece), [&](int64_t piece, int) {
    for_parts(counts, piece * kPiece, std::min((piece + 1) * kPiece, total),
              [&](size_t tensor, int64_t first, int64_t last) { body(piece, tensor, first, last); });
  });
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
