// Host side of the random kernels: see cuda/kernels/random.cu.
#include "ops/random.h"

#include <cmath>
#include <limits>

#include "cuda/launch_context.h"
#include "kernels/random.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t kBlock = 256;

void fill_blocks(const RandomFillProblem& p, const RandomFill<float>& args, LaunchContext& context) {
  const Extent grid{ceil_div(p.count, 4 * kBlock)}, block{kBlock};
  const auto seed = static_cast<uint64_t>(p.seed), stream = static_cast<uint64_t>(p.stream);
  if (p.kind == Distribution::Normal) {
    context.launch({"random", "random_normal"}, grid, block,
                   RandomNormalParameters{args.y, p.count, p.p0, p.p1, seed, stream});
    return;
  }
  // Rounding may reach the open end.
  const float top = p.p0 < p.p1 ? std::nextafter(p.p1, p.p0) : std::numeric_limits<float>::infinity();
  context.launch(
      {"random", "random_uniform"}, grid, block,
      RandomUniformParameters{args.y, p.count, p.p0, static_cast<double>(p.p1) - p.p0, top, seed, stream});
}

void dropout_blocks(const DropoutProblem& p, const Dropout<float>& args, LaunchContext& context) {
  const auto keep = static_cast<float>(1 / (1 - static_cast<double>(p.rate)));
  context.launch(
      {"random", "dropout"}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
      DropoutParameters{args.x, args.y, args.mask, p.count, p.rate, keep, static_cast<uint64_t>(p.seed),
                        static_cast<uint64_t>(p.site), context.step});
}

double dropout_bytes(const DropoutProblem& p) {
  const int64_t warps = ceil_div(p.count, 4 * kBlock) * (kBlock / 32);
  return 12 * static_cast<double>(p.count) + 8 * static_cast<double>(warps);
}

}  // namespace

ImplementationList dropout() {
  return {with_traffic<DropoutProblem, &dropout_bytes>(
      implementation<Dropout<float>, &dropout_blocks>("blocks"))};
}
ImplementationList random_fill() { return {implementation<RandomFill<float>, &fill_blocks>("blocks")}; }

}  // namespace lapidary::cuda
