// The end of wgrad: partial sums of a panel of filters added pairwise, and turned into the filters' order.
//
// Bytes: the partial sums read once, the gradient written once. Run by the bench of the wgrad
// implementations.
#pragma once

#include "cpu/kernels/kernel.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// How many partial sums a problem may have at most.
inline constexpr int64_t kMostParts = 16;

/// Blocks of a partial sum: an even share, the rest going to the first ones.
struct BlockRange {
  int64_t first, past;
};
constexpr BlockRange blocks_of_part(int64_t blocks, int64_t parts, int64_t part) {
  const int64_t share = blocks / parts, rest = blocks % parts, first = part * share + std::min(part, rest);
  return {first, first + share + (part < rest)};
}

/// The sum of the vectors at from, from + part_floats, ..., as a tree.
inline Vec tree_sum(const float* from, int64_t parts, int64_t part_floats) {
  Vec tree[kMostParts];
  tree[0] = load(from);
  for (int64_t part = 1; part < parts; ++part) tree[part] = load(from + part * part_floats);
  for (int64_t apart = 1; apart < parts; apart *= 2)
    for (int64_t part = 0; part + apart < parts; part += 2 * apart) tree[part] += tree[part + apart];
  return tree[0];
}

/// A panel of `columns` filters of `steps` elements: element [step][column] of `width` columns in each part.
struct PartialPanel {
  const float* first;  ///< of part 0
  int64_t parts, part_floats;
  int64_t width, columns, steps;
};

/// to[column][step] = the sum over the parts, as a tree, for steps begin..end-1 (at most kStepBlock).
inline constexpr int64_t kStepBlock = 64;
inline void add_parts(const PartialPanel& panel, int64_t begin, int64_t end, float* to) {
  const int64_t width = panel.width;
  float sums[kStepBlock * 2 * kLanes];
  for (int64_t i = 0; i < (end - begin) * width; i += kLanes)
    store(sums + i, tree_sum(panel.first + begin * width + i, panel.parts, panel.part_floats));
  for (int64_t j = 0; j < panel.columns; ++j)
    for (int64_t step = begin; step < end; ++step)
      to[j * panel.steps + step] = sums[(step - begin) * width + j];
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
