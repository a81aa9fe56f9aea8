// A barrier over the whole grid, launched by cuLaunchCooperativeKernel: relaxation of a ring in two buffers,
// many steps in one launch.
//
// Proves that all blocks are resident and take turns, and that grid.sync orders plain accesses between
// blocks. cooperative_groups finds its workspace through %envreg1 and %envreg2.
#include <cooperative_groups.h>

namespace cg = cooperative_groups;

extern "C" __global__ void relax(unsigned* a, unsigned* b, int count, int steps) {
  cg::grid_group grid = cg::this_grid();
  for (int step = 0; step < steps; ++step) {
    const unsigned* in = step % 2 == 0 ? a : b;
    unsigned* out = step % 2 == 0 ? b : a;
    for (int i = static_cast<int>(grid.thread_rank()); i < count; i += static_cast<int>(grid.size())) {
      const unsigned left = in[i == 0 ? count - 1 : i - 1], right = in[i + 1 == count ? 0 : i + 1];
      out[i] = 3u * in[i] + left + (right >> 1);
    }
    grid.sync();
  }
}
