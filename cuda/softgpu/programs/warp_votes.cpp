// Host side of warp_votes.cu: each result from the 32 values of its warp, exact.
#include <algorithm>
#include <span>

#include "harness.h"

namespace softgpu::programs {
namespace {

using u32 = std::uint32_t;

template <class Predicate>
u32 mask_of(std::span<const int> warp, Predicate predicate) {
  u32 mask = 0;
  for (u32 lane = 0; lane < 32; ++lane) mask |= u32{predicate(lane, warp[lane])} << lane;
  return mask;
}

std::vector<u32> results_of(std::span<const int> warp, u32 lane) {
  const int own = warp[lane];
  const u32 match_all = mask_of(warp, [&](u32, int v) { return v / 200 == warp[0] / 200; });
  u32 sum = 0, largest = 0, parity = 0, any = 0, every = ~0u;
  int smallest = warp[0];
  const bool third = lane % 3 == 0;
  for (u32 other = 0; other < 32; ++other) {
    const u32 bits = static_cast<u32>(warp[other]);
    sum += bits;
    parity ^= bits;
    smallest = std::min(smallest, warp[other]);
    largest = std::max(largest, bits);
    if (other % 3 == 0) {
      any |= bits;
    } else {
      every &= bits;
    }
  }
  const u32 segment = lane / 8 * 8;
  return {
      mask_of(warp, [](u32, int v) { return v > 0; }),
      mask_of(warp, [](u32, int v) { return v > -90; }) == ~0u,
      mask_of(warp, [](u32, int v) { return v > 90; }) != 0,
      mask_of(warp, [&](u32, int v) { return (v > -95) == (warp[0] > -95); }) == ~0u,
      mask_of(warp, [&](u32, int v) { return v / 40 == own / 40; }),
      match_all == ~0u ? ~0u : 0u,
      match_all == ~0u,
      sum,
      static_cast<u32>(smallest),
      largest,
      parity,
      static_cast<u32>(warp[segment + (lane + 3) % 8]),
      static_cast<u32>(lane % 8 < 3 ? warp[lane + 5] : own),
      third ? any : every,
      third ? mask_of(warp, [](u32 other, int v) { return other % 3 == 0 && v % 2 == 0; })
            : mask_of(warp, [&](u32 other, int v) { return other % 3 != 0 && v % 2 == own % 2; }),
      1,
  };
}

void run(Random& random) {
  const Module module("warp_votes");
  const int count = 7 * 96;
  const std::size_t results = 16;
  std::vector<int> x = random.integers(count, -100, 100);
  for (int i = 0; i < 64; ++i) x[i] = 150 + i % 2;  // two warps that agree
  std::vector<u32> expected(results * count);
  for (int i = 0; i < count; ++i) {
    const std::vector<u32> own = results_of(std::span(x).subspan(i / 32 * 32, 32), static_cast<u32>(i % 32));
    for (std::size_t result = 0; result < results; ++result) expected[result * count + i] = own[result];
  }
  const Buffer<int> device_x(x);
  const Buffer<u32> y(expected.size());
  launch(module.function("votes"), {7, 96}, device_x, y, count);
  expect_equal("votes", y.read(), expected);
}

const Registration registration("warp_votes", run);

}  // namespace
}  // namespace softgpu::programs
