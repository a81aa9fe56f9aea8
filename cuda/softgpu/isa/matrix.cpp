// mma.sync, ldmatrix, wmma.
#include "families.h"

namespace softgpu {

std::span<const Opcode> matrix_opcodes() { return {}; }

}  // namespace softgpu
