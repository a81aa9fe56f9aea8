// Host side of streams_events.cu: integers modulo 2^32, exact.
#include <atomic>

#include "harness.h"

namespace softgpu::programs {
namespace {

void run(Random& random) {
  const Module module("streams_events");
  const CUfunction affine = module.function("affine");
  const int count = 4007;
  Pinned<unsigned> in(count), out(count);
  std::vector<unsigned> expected(count);
  for (int i = 0; i < count; ++i) in.data()[i] = expected[i] = random.bits32();

  const Stream streams[4];
  const Event start, finish, hop[8];
  const Buffer<unsigned> buffers[2] = {Buffer<unsigned>(count), Buffer<unsigned>(count)};
  const Buffer<unsigned> aside[4] = {Buffer<unsigned>(count), Buffer<unsigned>(count),
                                     Buffer<unsigned>(count), Buffer<unsigned>(count)};
  driver().cuEventRecord(start, streams[0]);
  driver().cuMemcpyHtoDAsync_v2(buffers[0].address(), in.data(), in.bytes(), streams[0]);
  driver().cuEventRecord(hop[0], streams[0]);
  for (unsigned step = 1; step < 8; ++step) {
    const Stream& stream = streams[step % 4];
    driver().cuStreamWaitEvent(stream, hop[step - 1], 0);
    launch(affine, {3, 96, 0, stream}, buffers[(step - 1) % 2], buffers[step % 2], count, 2 * step + 1, step);
    driver().cuEventRecord(hop[step], stream);
    for (unsigned& value : expected) value = value * (2 * step + 1) + step;
  }
  // Four streams fill what is their own.
  for (unsigned stream = 0; stream < 4; ++stream) {
    driver().cuMemsetD32Async(aside[stream].address(), stream, static_cast<std::size_t>(count),
                              streams[stream]);
    launch(affine, {2, 64, 0, streams[stream]}, aside[stream], aside[stream], count, 3u, 5u);
  }
  std::atomic<int> called = 0;
  driver().cuMemcpyDtoHAsync_v2(out.data(), buffers[7 % 2].address(), out.bytes(), streams[7 % 4]);
  driver().cuLaunchHostFunc(
      streams[7 % 4], [](void* counter) { ++*static_cast<std::atomic<int>*>(counter); }, &called);
  driver().cuEventRecord(finish, streams[7 % 4]);
  driver().cuEventSynchronize(finish);
  expect(driver().cuEventQuery.result(finish) == kSuccess, "an event after its wait");
  expect(called == 1, "host function");
  expect_equal("chain", out.values(), expected);
  float milliseconds = -1;
  driver().cuEventElapsedTime(&milliseconds, start, finish);
  expect(milliseconds >= 0, "elapsed time");

  for (unsigned stream = 0; stream < 4; ++stream) {
    streams[stream].synchronize();
    expect(driver().cuStreamQuery.result(streams[stream]) == kSuccess, "a stream after its wait");
    expect_equal("aside", aside[stream].read(), std::vector<unsigned>(count, stream * 3 + 5));
  }
}

const Registration registration("streams_events", run);

}  // namespace
}  // namespace softgpu::programs
