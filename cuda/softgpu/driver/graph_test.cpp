// Graphs and captures: modes, forks and joins, errors 900 to 910, launches and updates.
//   graph_test        prints "N passed, N failed"
#include <cstdlib>
#include <thread>
#include <vector>

#include "test_host.h"

using namespace softgpu::test;

namespace {

constexpr unsigned kWords = 64;
constexpr std::size_t kBytes = kWords * 4;

struct Captured {
  CUstream stream = nullptr, other = nullptr;
  CUevent fork = nullptr, join = nullptr;
  CUgraph graph = nullptr;
  explicit Captured(CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL,
                    unsigned flags = CU_STREAM_NON_BLOCKING) {
    OK(cuStreamCreate(&stream, flags));
    OK(cuStreamCreate(&other, flags));
    OK(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
    OK(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
    OK(cuStreamBeginCapture_v2(stream, mode));
  }
  /// Ends a capture that something has gone wrong with.
  void end(CUresult expected) {
    CODE(expected, cuStreamEndCapture(stream, &graph));
    CHECK(graph == nullptr);
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_ACTIVE;
    OK(cuStreamIsCapturing(stream, &status));
    CHECK(status == CU_STREAM_CAPTURE_STATUS_NONE);
  }
};

unsigned first_word(CUdeviceptr memory) {
  unsigned word = 0;
  OK(cuMemcpyDtoH_v2(&word, memory, 4));
  return word;
}

void forked(Host& host) {
  const CUdeviceptr a = host.allocate(kBytes), b = host.allocate(kBytes);
  OK(cuMemsetD32_v2(a, 0, kWords));
  OK(cuMemsetD32_v2(b, 0, kWords));
  OK(cuCtxSynchronize());
  Captured c;
  OK(cuMemsetD32Async(a, 5, kWords, c.stream));
  OK(cuEventRecord(c.fork, c.stream));
  OK(cuStreamWaitEvent(c.other, c.fork, 0));
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  OK(cuStreamIsCapturing(c.other, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  OK(host.launch_fill(b, 3, kWords, c.other));
  OK(host.launch_add(a, a, kWords, c.stream));  // 10, beside the fill
  OK(cuEventRecord(c.join, c.other));
  OK(cuStreamWaitEvent(c.stream, c.join, 0));
  OK(host.launch_add(a, b, kWords, c.stream));  // 13
  std::size_t count = 0;
  const CUgraphNode* tails = nullptr;
  CUgraph graph = nullptr;
  std::uint64_t id = 0;
  OK(cuStreamGetCaptureInfo_v2(c.stream, &status, &id, &graph, &tails, &count));
  CHECK(count == 1 && id != 0 && graph != nullptr);
  OK(cuStreamEndCapture(c.stream, &c.graph));
  CHECK(c.graph == graph);
  CODE(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(c.join));
  CODE(CUDA_ERROR_CAPTURED_EVENT, cuEventSynchronize(c.join));

  OK(cuGraphGetNodes(c.graph, nullptr, &count));
  CHECK(count == 4);
  std::vector<CUgraphNode> nodes(6);
  count = nodes.size();
  OK(cuGraphGetNodes(c.graph, nodes.data(), &count));
  CHECK(count == 4 && nodes[4] == nullptr);
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  OK(cuGraphNodeGetType(nodes[0], &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_MEMSET);
  OK(cuGraphNodeGetDependencies_v2(nodes[3], nullptr, nullptr, &count));
  CHECK(count == 2);
  OK(cuGraphGetRootNodes(c.graph, nullptr, &count));
  CHECK(count == 1);
  OK(cuGraphGetEdges_v2(c.graph, nullptr, nullptr, nullptr, &count));
  CHECK(count == 4);

  CHECK(first_word(a) == 0);  // nothing has run
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, c.graph, 0));
  OK(cuGraphDestroy(c.graph));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuGraphDestroy(c.graph));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuGraphNodeGetType(nodes[0], &type));
  OK(cuGraphUpload(exec, c.stream));
  for (unsigned seed = 0; seed < 5; ++seed) {
    softgpuSetSeed(seed);
    OK(cuGraphLaunch(exec, c.stream));
    OK(cuStreamSynchronize(c.stream));
    CHECK(first_word(a) == 13);
  }
  softgpuSetSeed(0);
  OK(cuGraphExecDestroy(exec));
  CODE(CUDA_ERROR_INVALID_HANDLE, cuGraphLaunch(exec, c.stream));
  CHECK(found_nothing());
}

void unordered_nodes(Host& host) {
  // Two nodes of one graph with no edge between them race like two streams.
  const CUdeviceptr a = host.allocate(kBytes);
  Captured c;
  OK(cuEventRecord(c.fork, c.stream));
  OK(cuStreamWaitEvent(c.other, c.fork, 0));
  OK(host.launch_fill(a, 3, kWords, c.other));
  OK(cuMemsetD32Async(a, 4, kWords, c.stream));
  OK(cuEventRecord(c.join, c.other));
  OK(cuStreamWaitEvent(c.stream, c.join, 0));
  OK(cuStreamEndCapture(c.stream, &c.graph));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, c.graph, 0));
  cuGraphLaunch(exec, c.stream);
  CODE(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(c.stream));
  CHECK(found("\"unordered\"") && found("of a graph"));
  host.reset();
}

void errors(Host& host) {
  const CUdeviceptr a = host.allocate(kBytes);
  CUgraph graph = nullptr;
  CODE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
       cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
  {
    Captured c;
    CODE(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(c.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    CODE(CUDA_ERROR_INVALID_VALUE, cuStreamBeginCapture_v2(c.other, static_cast<CUstreamCaptureMode>(3)));
    CODE(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(c.other, &graph));
    OK(cuStreamEndCapture(c.stream, &graph));  // an empty graph
    CUgraphExec exec = nullptr;
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphLaunch(exec, c.stream));
  }
  {
    Captured c;
    CODE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(c.stream));
    CODE(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, host.launch_fill(a, 1, kWords, c.stream));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c;
    CODE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamQuery(c.stream));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  for (const auto mode : {CU_STREAM_CAPTURE_MODE_GLOBAL, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL}) {
    Captured c(mode);
    CUdeviceptr memory = 0;
    CODE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc_v2(&memory, 4));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c(CU_STREAM_CAPTURE_MODE_RELAXED);
    CUdeviceptr memory = 0;
    OK(cuMemAlloc_v2(&memory, 4));
    OK(cuStreamEndCapture(c.stream, &graph));
  }
  {
    // Other threads: disturbed by a global capture, not by a thread-local one, never in relaxed mode.
    Captured c(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    std::thread([&] {
      OK(cuCtxSetCurrent(host.context));
      CUdeviceptr memory = 0;
      OK(cuMemAlloc_v2(&memory, 4));
      CODE(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(c.stream, &graph));
    }).join();
    OK(cuStreamEndCapture(c.stream, &graph));
  }
  {
    Captured c;
    std::thread([&] {
      OK(cuCtxSetCurrent(host.context));
      CUdeviceptr memory = 0;
      CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
      OK(cuThreadExchangeStreamCaptureMode(&mode));
      CHECK(mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
      OK(cuMemAlloc_v2(&memory, 4));
      OK(cuThreadExchangeStreamCaptureMode(&mode));
      CODE(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc_v2(&memory, 4));
    }).join();
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c;  // a fork that does not come back
    OK(cuEventRecord(c.fork, c.stream));
    OK(cuStreamWaitEvent(c.other, c.fork, 0));
    OK(host.launch_fill(a, 1, kWords, c.other));
    c.end(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    OK(host.launch_fill(a, 1, kWords, c.other));  // it runs again
    OK(cuStreamSynchronize(c.other));
  }
  {
    Captured c;  // ended where it did not begin
    OK(cuEventRecord(c.fork, c.stream));
    OK(cuStreamWaitEvent(c.other, c.fork, 0));
    CODE(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(c.other, &graph));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c;  // depends on work outside
    OK(cuEventRecord(c.fork, c.other));
    CODE(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(c.stream, c.fork, 0));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c, d;  // two captures meet
    OK(cuEventRecord(c.fork, c.stream));
    CODE(CUDA_ERROR_STREAM_CAPTURE_MERGE, cuStreamWaitEvent(d.stream, c.fork, 0));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    d.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c(CU_STREAM_CAPTURE_MODE_RELAXED, 0);  // the legacy stream would have to wait for it
    CODE(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, host.launch_fill(a, 1, kWords, nullptr));
    c.end(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }
  {
    Captured c;
    OK(cuStreamDestroy_v2(c.stream));
    CUdeviceptr memory = 0;
    OK(cuMemAlloc_v2(&memory, 4));  // no capture is left
  }
  CHECK(found_nothing());
}

void built_by_hand(Host& host) {
  const CUdeviceptr a = host.allocate(kBytes);
  CUgraph graph = nullptr;
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphCreate(&graph, 1));
  OK(cuGraphCreate(&graph, 0));
  CUgraphNode fill = nullptr, set = nullptr, home = nullptr, call = nullptr, empty = nullptr;
  CUDA_MEMSET_NODE_PARAMS memset = {a, 0, 2, 4, kWords, 1};
  OK(cuGraphAddMemsetNode(&set, graph, nullptr, 0, &memset, host.context));
  CUdeviceptr out = a;
  unsigned value = 40, n = kWords / 2;
  void* parameters[] = {&out, &value, &n};
  CUDA_KERNEL_NODE_PARAMS kernel = {host.fill, 1, 1, 1, 32, 1, 1, 0, parameters, nullptr, nullptr, nullptr};
  OK(cuGraphAddKernelNode_v2(&fill, graph, &set, 1, &kernel));
  value = 50;  // parameters were copied
  unsigned words[kWords] = {};
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = a;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = words;
  copy.WidthInBytes = kBytes;
  copy.Height = copy.Depth = 1;
  OK(cuGraphAddMemcpyNode(&home, graph, &fill, 1, &copy, host.context));
  unsigned seen = 0;
  struct Sum {
    const unsigned* words;
    unsigned* sum;
  } sum{words, &seen};
  CUDA_HOST_NODE_PARAMS function = {[](void* data) {
                                      const auto* s = static_cast<const Sum*>(data);
                                      for (unsigned i = 0; i < kWords; ++i) *s->sum += s->words[i];
                                    },
                                    &sum};
  OK(cuGraphAddHostNode(&call, graph, &home, 1, &function));
  const CUgraphNode both[] = {set, set};
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphAddEmptyNode(&empty, graph, both, 2));
  OK(cuGraphAddEmptyNode(&empty, graph, both, 1));
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies_v2(graph, &set, &fill, nullptr, 1));
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CUstream stream = nullptr;
  OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  OK(cuGraphLaunch(exec, stream));
  OK(cuStreamSynchronize(stream));
  CHECK(seen == 32 * 40 + 32 * 2);
  OK(cuGraphExecKernelNodeSetParams_v2(exec, fill, &kernel));
  seen = 0;
  OK(cuGraphLaunch(exec, stream));
  OK(cuStreamSynchronize(stream));
  CHECK(seen == 32 * 50 + 32 * 2);
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphExecKernelNodeSetParams_v2(exec, set, &kernel));

  // Updates: the same shape is taken, another is refused.
  value = 60;
  OK(cuGraphKernelNodeSetParams_v2(fill, &kernel));
  CUgraphExecUpdateResultInfo info = {};
  OK(cuGraphExecUpdate_v2(exec, graph, &info));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_SUCCESS);
  seen = 0;
  OK(cuGraphLaunch(exec, stream));
  OK(cuStreamSynchronize(stream));
  CHECK(seen == 32 * 60 + 32 * 2);
  OK(cuGraphAddDependencies_v2(graph, &empty, &home, nullptr, 1));
  CODE(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cuGraphExecUpdate_v2(exec, graph, &info));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED && info.errorNode == home);
  OK(cuGraphAddDependencies_v2(graph, &call, &empty, nullptr, 1));
  CUgraphExec cyclic = nullptr;
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(&cyclic, graph, 0));
  OK(cuGraphDestroy(graph));

  // What a graph uses must still be there when it is launched.
  OK(cuMemFree_v2(a));
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, stream));
  CHECK(found("\"bounds\""));
  softgpuClearFindings();
}

void allocations(Host& host) {
  const CUdeviceptr out = host.allocate(kBytes);
  OK(cuMemsetD32_v2(out, 1, kWords));
  OK(cuCtxSynchronize());
  Captured c;
  CUdeviceptr memory = 0;
  OK(cuMemAllocAsync(&memory, kBytes, c.stream));
  OK(host.launch_fill(memory, 4, kWords, c.stream));
  OK(host.launch_add(out, memory, kWords, c.stream));
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(out, c.stream));  // not the graph's
  OK(cuMemFreeAsync(memory, c.stream));
  OK(cuStreamEndCapture(c.stream, &c.graph));
  CUgraphNode nodes[4];
  std::size_t count = 4;
  OK(cuGraphGetNodes(c.graph, nodes, &count));
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  OK(cuGraphNodeGetType(nodes[0], &type));
  CHECK(count == 4 && type == CU_GRAPH_NODE_TYPE_MEM_ALLOC);
  CUgraphExec exec = nullptr;
  OK(cuGraphInstantiateWithFlags(&exec, c.graph, 0));
  OK(cuGraphLaunch(exec, c.stream));
  OK(cuGraphLaunch(exec, c.stream));
  OK(cuStreamSynchronize(c.stream));
  CHECK(first_word(out) == 9);
  std::size_t before = 0, after = 0, total = 0;
  OK(cuMemGetInfo_v2(&before, &total));
  OK(cuGraphDestroy(c.graph));
  OK(cuGraphExecDestroy(exec));
  OK(cuMemGetInfo_v2(&after, &total));
  CHECK(after - before >= kBytes);
  CODE(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(memory));
  softgpuClearFindings();

  // Without a node that frees, a second launch needs the flag.
  Captured d;
  OK(cuMemAllocAsync(&memory, kBytes, d.stream));
  OK(host.launch_fill(memory, 4, kWords, d.stream));
  OK(cuStreamEndCapture(d.stream, &d.graph));
  OK(cuGraphInstantiateWithFlags(&exec, d.graph, 0));
  OK(cuGraphLaunch(exec, d.stream));
  CODE(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, d.stream));
  OK(cuStreamSynchronize(d.stream));
  CHECK(first_word(memory) == 4);
  OK(cuMemFreeAsync(memory, d.stream));
  OK(cuGraphLaunch(exec, d.stream));
  OK(cuGraphInstantiateWithFlags(&exec, d.graph, 1));
  OK(cuGraphLaunch(exec, d.stream));
  OK(cuGraphLaunch(exec, d.stream));
  OK(cuStreamSynchronize(d.stream));
  CHECK(found_nothing());
}

}  // namespace

int main() {
  setenv("SOFTGPU_QUIET", "1", 0);
  Host host;
  forked(host);
  unordered_nodes(host);
  errors(host);
  built_by_hand(host);
  allocations(host);
  return report();
}
