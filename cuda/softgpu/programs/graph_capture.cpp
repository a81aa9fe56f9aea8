// Host side of graph_capture.cu: 12 launches of one graph; x exact by std::fma, losses to a tolerance.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

class Graph {
 public:
  explicit Graph(CUgraph graph) : graph_(graph) {
    driver().cuGraphInstantiateWithFlags(&executable_, graph, 0);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() {
    driver().cuGraphExecDestroy.result(executable_);
    driver().cuGraphDestroy.result(graph_);
  }
  void launch(CUstream stream) const { driver().cuGraphLaunch(executable_, stream); }

 private:
  CUgraph graph_;
  CUgraphExec executable_ = nullptr;
};

void run(Random& random) {
  const Module module("graph_capture");
  const int rows = 61, columns = 23, steps = 12;
  const float rate = 0.01f;
  const std::vector<float> a = random.floats(rows * columns), b = random.floats(rows);
  std::vector<float> x(columns);
  std::vector<double> losses;

  const Buffer<float> device_a(a), device_b(b), device_x(x), r(rows), loss(steps);
  const Buffer<int> step(std::vector<int>{0});
  Pinned<float> snapshot(columns);
  const Stream stream, side;
  const Event forked, joined;
  const CUfunction residuals = module.function("residuals"), descend = module.function("descend");
  const CUfunction record = module.function("record");

  CUdeviceptr scratch = 0;
  driver().cuMemAllocAsync(&scratch, sizeof(float), side);
  driver().cuStreamBeginCapture_v2(stream, kCaptureThreadLocal);
  launch(residuals, {2, 32, 0, stream}, device_a, device_x, device_b, r, rows, columns);
  driver().cuEventRecord(forked, stream);
  driver().cuStreamWaitEvent(side, forked, 0);
  driver().cuMemsetD32Async(scratch, 0, 1, side);
  launch(record, {1, 64, 0, side}, r, rows, scratch, loss, step);
  driver().cuEventRecord(joined, side);
  launch(descend, {1, 32, 0, stream}, device_a, r, device_x, rows, columns, rate);
  driver().cuMemcpyDtoHAsync_v2(snapshot.data(), device_x.address(), device_x.bytes(), stream);
  driver().cuStreamWaitEvent(stream, joined, 0);
  CUgraph captured = nullptr;
  driver().cuStreamEndCapture(stream, &captured);
  const Graph graph(captured);
  expect(step.read()[0] == 0, "capturing ran a kernel");

  for (int i = 0; i < steps; ++i) {
    graph.launch(stream);
    std::vector<float> expected_r(rows);
    double squares = 0;
    for (int row = 0; row < rows; ++row) {
      float sum = -b[row];
      for (int c = 0; c < columns; ++c) sum = std::fma(a[row * columns + c], x[c], sum);
      expected_r[row] = sum;
      squares += static_cast<double>(sum) * sum;
    }
    losses.push_back(squares);
    for (int c = 0; c < columns; ++c) {
      float gradient = 0;
      for (int row = 0; row < rows; ++row)
        gradient = std::fma(a[row * columns + c], expected_r[row], gradient);
      x[c] = std::fma(-rate, gradient, x[c]);
    }
  }
  stream.synchronize();
  driver().cuMemFreeAsync(scratch, side);
  expect_equal("x", snapshot.values(), x);
  expect_equal("x on the device", device_x.read(), x);
  expect_near("losses", loss.read(), losses, 0, 1e-5);
}

const Registration registration("graph_capture", run);

}  // namespace
}  // namespace softgpu::programs
