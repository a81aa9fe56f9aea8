// Streams and events: what is ordered before what, when copies land, and what the host is told.
//   order_test        prints "N passed, N failed"
#include <cstdlib>

#include "test_host.h"

using namespace softgpu::test;

namespace {

constexpr unsigned kWords = 128;
constexpr std::size_t kBytes = kWords * 4;

struct Streams {
  CUstream a = nullptr, b = nullptr;  ///< non-blocking
  explicit Streams(unsigned flags = CU_STREAM_NON_BLOCKING) {
    OK(cuStreamCreate(&a, flags));
    OK(cuStreamCreate(&b, flags));
  }
};

unsigned* pinned_words() {
  void* pinned = nullptr;
  OK(cuMemAllocHost_v2(&pinned, kBytes));
  std::memset(pinned, 0, kBytes);
  return static_cast<unsigned*>(pinned);
}

void handles(Host& host) {
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CODE(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(nullptr, 0));
  CODE(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&stream, 8));
  OK(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -9));
  int priority = 0;
  OK(cuStreamGetPriority(stream, &priority));
  CHECK(priority == -5);
  unsigned flags = 0;
  OK(cuStreamGetFlags(stream, &flags));
  CHECK(flags == CU_STREAM_NON_BLOCKING);
  CODE(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&event, 64));
  OK(cuEventCreate(&event, 0));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(reinterpret_cast<CUevent>(stream), stream));
  OK(cuEventRecord(event, stream));
  OK(cuEventDestroy_v2(event));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, stream));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuEventSynchronize(event));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamWaitEvent(stream, event, 0));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy_v2(event));
  OK(cuStreamDestroy_v2(stream));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
  CODE(CUDA_ERROR_INVALID_HANDLE, host.launch_fill(host.allocate(4), 0, 1, stream));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(nullptr));
}

/// A kernel writes in one stream, `reader` reads in another; `order` puts something between or not.
template <class Order, class Reader>
bool accused(Host& host, const Streams& streams, Order order, Reader reader) {
  const CUdeviceptr memory = host.allocate(kBytes);
  OK(host.launch_fill(memory, 7, kWords, streams.a));
  order();
  reader(memory);
  cuCtxSynchronize();
  const bool result = found("\"unordered\"");
  if (result) CHECK(found("kernel fill"));
  if (!found_nothing()) host.reset();
  return result;
}

void unordered(Host& host) {
  const auto nothing = [] {};
  for (int kind = 0; kind < 4; ++kind) {
    // kind 0: a copy home; 1: a kernel; 2: a memset over it; 3: an asynchronous free.
    const auto read_in = [&](CUstream stream) {
      return [&host, kind, stream](CUdeviceptr memory) {
        if (kind == 0) {
          unsigned words[kWords];
          cuMemcpyDtoHAsync_v2(words, memory, kBytes, stream);
        } else if (kind == 1) {
          const CUdeviceptr other = host.allocate(kBytes);
          OK(cuMemsetD32Async(other, 0, kWords, stream));
          OK(host.launch_add(other, memory, kWords, stream));
        } else if (kind == 2) {
          OK(cuMemsetD8Async(memory + 3, 1, 2, stream));
        } else {
          OK(cuMemFreeAsync(memory, stream));
        }
      };
    };
    {
      Streams streams;
      CHECK(accused(host, streams, nothing, read_in(streams.b)));
    }
    {
      Streams streams;
      CHECK(!accused(host, streams, nothing, read_in(streams.a)));
    }
    {
      Streams streams;
      CHECK(!accused(
          host, streams, [&] { OK(cuStreamSynchronize(streams.a)); }, read_in(streams.b)));
    }
    {
      Streams streams;
      CHECK(!accused(
          host, streams,
          [&] {
            CUevent event = nullptr;
            OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
            OK(cuEventRecord(event, streams.a));
            OK(cuStreamWaitEvent(streams.b, event, 0));
            OK(cuEventDestroy_v2(event));
          },
          read_in(streams.b)));
    }
    {
      // An event recorded too early orders nothing.
      Streams streams;
      CUevent event = nullptr;
      OK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
      OK(cuEventRecord(event, streams.a));
      CHECK(accused(
          host, streams, [&] { OK(cuStreamWaitEvent(streams.b, event, 0)); }, read_in(streams.b)));
    }
    {
      // Blocking streams are ordered through the legacy default stream, and only through it.
      Streams streams(0);
      CHECK(accused(host, streams, nothing, read_in(streams.b)));
    }
    {
      Streams streams(0);
      CHECK(!accused(host, streams, nothing, read_in(nullptr)));
    }
    {
      Streams streams;
      CHECK(accused(host, streams, nothing, read_in(nullptr)));
    }
    {
      Streams streams(0);
      CHECK(accused(host, streams, nothing, read_in(CU_STREAM_PER_THREAD)));
    }
  }
}

void write_after_read(Host& host) {
  Streams streams;
  const CUdeviceptr a = host.allocate(kBytes), b = host.allocate(kBytes);
  OK(cuMemsetD32_v2(a, 1, kWords));
  OK(cuMemsetD32_v2(b, 1, kWords));
  OK(cuCtxSynchronize());
  OK(host.launch_add(a, b, kWords, streams.a));
  OK(cuMemsetD32Async(b, 2, kWords, streams.b));  // while the kernel may still read it
  CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  CHECK(found("\"unordered\"") && found("kernel add"));
  host.reset();
}

void numbers_start_again(Host& host) {
  // More pieces of work than nodes have numbers.
  Streams streams;
  const CUdeviceptr memory = host.allocate(4);
  for (unsigned i = 0; i < 2500; ++i) OK(cuMemsetD32Async(memory, i, 1, streams.a));
  unsigned word = 0;
  OK(cuMemcpyDtoHAsync_v2(&word, memory, 4, streams.a));
  CHECK(word == 2499);
  OK(cuMemsetD32Async(memory, 1, 1, streams.a));
  cuMemsetD32Async(memory, 2, 1, streams.b);
  CODE(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
  host.reset();
}

void uninitialised(Host& host) {
  const CUdeviceptr memory = host.allocate(kBytes);
  OK(cuMemsetD8_v2(memory, 0, 40));
  unsigned words[kWords];
  CODE(CUDA_ERROR_LAUNCH_FAILED, cuMemcpyDtoH_v2(words, memory, kBytes));
  CHECK(found("\"uninitialised\"") && found("byte 40 of allocation"));
  host.reset();
  // Inside the device unwritten bytes travel as such.
  const CUdeviceptr from = host.allocate(64), to = host.allocate(64);
  OK(cuMemsetD8_v2(from, 1, 32));
  OK(cuMemcpyDtoD_v2(to, from, 64));
  OK(cuMemcpyDtoH_v2(words, to, 32));
  CODE(CUDA_ERROR_LAUNCH_FAILED, cuMemcpyDtoH_v2(words, to, 33));
  host.reset();
}

void landing(Host& host) {
  bool early = false, late = false;
  for (unsigned seed = 0; seed < 8; ++seed) {
    CHECK(softgpuSetSeed(seed) == 0);
    Streams streams;
    unsigned* words = pinned_words();
    const CUdeviceptr memory = host.allocate(kBytes);
    OK(host.launch_fill(memory, 9, kWords, streams.a));
    OK(cuMemcpyDtoHAsync_v2(words, memory, kBytes, streams.a));
    (words[0] == 9 ? early : late) = true;
    if (seed == 0) CHECK(words[0] == 0);
    OK(cuStreamSynchronize(streams.b));  // another stream's
    OK(cuStreamSynchronize(streams.a));
    CHECK(words[0] == 9 && words[kWords - 1] == 9);
    // Later work of the stream sees what has been copied before it.
    OK(cuMemsetD32Async(memory, 10, kWords, streams.a));
    OK(cuMemcpyDtoHAsync_v2(words, memory, kBytes, streams.a));
    OK(cuMemsetD32Async(memory, 11, kWords, streams.a));
    OK(cuMemcpyHtoDAsync_v2(memory, words, kBytes, streams.a));
    unsigned pageable[kWords];
    OK(cuMemcpyDtoHAsync_v2(pageable, memory, kBytes, streams.a));  // waits
    CHECK(pageable[0] == 10 && pageable[kWords - 1] == 10 && words[5] == 10);
    OK(cuMemFreeHost(words));
  }
  CHECK(early && late);
  softgpuSetSeed(0);
  CHECK(found_nothing());
}

void changed_source(Host& host) {
  Streams streams;
  unsigned* words = pinned_words();
  const CUdeviceptr memory = host.allocate(kBytes);
  OK(cuMemcpyHtoDAsync_v2(memory, words, kBytes, streams.a));
  OK(cuStreamSynchronize(streams.a));
  words[3] = 1;  // after the copy: allowed
  OK(cuMemcpyHtoDAsync_v2(memory, words, kBytes, streams.a));
  words[3] = 2;  // while it may run
  CODE(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(streams.a));
  CHECK(found("page-locked source"));
  host.reset();
}

void host_functions(Host& host) {
  Streams streams;
  unsigned* words = pinned_words();
  const CUdeviceptr memory = host.allocate(kBytes);
  OK(host.launch_fill(memory, 5, kWords, streams.a));
  OK(cuMemcpyDtoHAsync_v2(words, memory, kBytes, streams.a));
  struct Seen {
    const unsigned* words;
    unsigned first;
    CUresult call;
  } seen{words, 0, CUDA_SUCCESS};
  CODE(CUDA_ERROR_INVALID_VALUE, cuLaunchHostFunc(streams.a, nullptr, nullptr));
  OK(cuLaunchHostFunc(
      streams.a,
      [](void* data) {
        auto* s = static_cast<Seen*>(data);
        s->first = s->words[0];
        s->call = cuCtxSynchronize();
      },
      &seen));
  OK(cuStreamSynchronize(streams.a));
  CHECK(seen.first == 5 && seen.call == CUDA_ERROR_NOT_PERMITTED);
  OK(cuStreamAddCallback(
      streams.a, [](CUstream, CUresult status, void* data) { static_cast<Seen*>(data)->call = status; },
      &seen, 0));
  OK(cuStreamSynchronize(streams.a));
  CHECK(seen.call == CUDA_SUCCESS);
}

void events(Host& host) {
  Streams streams;
  CUevent start = nullptr, end = nullptr, untimed = nullptr;
  OK(cuEventCreate(&start, 0));
  OK(cuEventCreate(&end, 0));
  OK(cuEventCreate(&untimed, CU_EVENT_DISABLE_TIMING));
  float milliseconds = -1;
  CODE(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, end));  // not recorded
  OK(cuEventQuery(start));
  OK(cuEventSynchronize(start));
  const CUdeviceptr memory = host.allocate(1 << 20);
  float first = 0;
  for (int round = 0; round < 2; ++round) {
    OK(cuEventRecord(start, streams.a));
    OK(cuMemsetD8Async(memory, 0, 1 << 20, streams.a));
    OK(host.launch_fill(memory, 1, 1 << 12, streams.a));
    OK(cuEventRecord(end, streams.a));
    if (round == 0) CODE(CUDA_ERROR_NOT_READY, cuEventElapsedTime_v2(&milliseconds, start, end));
    OK(cuEventSynchronize(end));
    OK(cuEventElapsedTime(&milliseconds, start, end));
    CHECK(milliseconds > 0.004F);  // two calls of 2 microseconds at least
    if (round == 1) CHECK(milliseconds - first < 1e-6F && first - milliseconds < 1e-6F);
    first = milliseconds;
  }
  OK(cuEventRecord(untimed, streams.a));
  OK(cuStreamSynchronize(streams.a));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, start, untimed));
  // With a seed, a stream is not always ready at the first question, but always at the second.
  bool waited = false;
  for (unsigned seed = 1; seed < 9; ++seed) {
    softgpuSetSeed(seed);
    OK(host.launch_fill(memory, 1, 64, streams.a));
    const CUresult code = cuStreamQuery(streams.a);
    if (code == CUDA_ERROR_NOT_READY) waited = true;
    CHECK(code == CUDA_SUCCESS || code == CUDA_ERROR_NOT_READY);
    OK(cuStreamQuery(streams.a));
  }
  CHECK(waited);
  softgpuSetSeed(0);
}

void matrices(Host& host) {
  const CUdeviceptr memory = host.allocate(16 * 40 * 2);
  CHECK(softgpuDeclareMatrix(memory, 16, 32, 40, 2, 0) == CUDA_SUCCESS);
  CHECK(softgpuDeclareMatrix(memory, 17, 40, 40, 2, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(softgpuDeclareMatrix(memory, 16, 32, 31, 2, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(softgpuDeclareMatrix(memory, 16, 32, 40, 3, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(softgpuDeclareMatrix(memory, 16, 32, 40, 2, 2) == CUDA_ERROR_INVALID_VALUE);
  OK(cuMemFree_v2(memory));
}

void counters(Host& host) {
  softgpuClearCounters();
  CHECK(std::strcmp(softgpuCounters(), "{}") == 0);
  const CUdeviceptr memory = host.allocate(kBytes);
  OK(host.launch_fill(memory, 1, kWords, nullptr));
  OK(cuCtxSynchronize());
  CHECK(std::strstr(softgpuCounters(), "\"fill\":{\"launches\":1,\"blocks\":2,\"warps\":4") != nullptr);
  CHECK(std::strstr(softgpuCounters(), "\"globalStoreBytes\":512") != nullptr);
  CHECK(std::strstr(softgpuCounters(), "\"globalStoreSectors\":16") != nullptr);
  CHECK(std::strstr(softgpuCountersTable(), "fill") != nullptr);
}

}  // namespace

int main() {
  setenv("SOFTGPU_QUIET", "1", 0);
  Host host;
  handles(host);
  unordered(host);
  write_after_read(host);
  numbers_start_again(host);
  uninitialised(host);
  landing(host);
  changed_source(host);
  host_functions(host);
  events(host);
  matrices(host);
  counters(host);
  return report();
}
