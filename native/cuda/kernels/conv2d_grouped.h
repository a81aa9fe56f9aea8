// Convolutions of several groups, among them depthwise ones; conv2d.cpp puts them before the dense ones.
#pragma once

#include "backend.h"

namespace lapidary::cuda {

ImplementationList grouped_fprop();
ImplementationList grouped_dgrad();
ImplementationList grouped_wgrad();

}  // namespace lapidary::cuda
