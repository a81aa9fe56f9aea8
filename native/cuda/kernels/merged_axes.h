// Axes that two tensors step through: as few as there can be.
#pragma once

#include "core/dims.h"
#include "device/strided_pair.h"

namespace lapidary::cuda {

struct MergedAxes {
  Dims extents, first, second;  ///< outermost first; at least one axis

  /// Drops axes of extent 1, and merges neighbours wherever both tensors step through them as one.
  MergedAxes(const Dims& dims, const Dims& first_strides, const Dims& second_strides) {
    for (int axis = 0; axis < dims.rank(); ++axis) {
      if (dims[axis] == 1) continue;
      const int last = extents.rank() - 1;
      if (last >= 0 && first[last] == first_strides[axis] * dims[axis] &&
          second[last] == second_strides[axis] * dims[axis]) {
        extents[last] *= dims[axis];
        first[last] = first_strides[axis], second[last] = second_strides[axis];
      } else {
        extents.push_back(dims[axis]);
        first.push_back(first_strides[axis]), second.push_back(second_strides[axis]);
      }
    }
    if (extents.rank() == 0) extents = {1}, first = {1}, second = {1};
  }

  int last() const noexcept { return extents.rank() - 1; }

  /// As kernels take them.
  StridedPair pair() const {
    StridedPair made;
    for (int axis = last(); axis >= 0; --axis, ++made.rank) {
      made.extents[made.rank] = Divider(extents[axis]);
      made.first[made.rank] = first[axis], made.second[made.rank] = second[axis];
    }
    return made;
  }
};

}  // namespace lapidary::cuda
