// Holds the fragments of an mma against the matrices the host has declared.
#include "matrix.h"

namespace softgpu {

void check_declared_fragments(Warp&, const MatrixShape&, const std::uint32_t*, const std::uint32_t*) {}

}  // namespace softgpu
