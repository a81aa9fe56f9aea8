// Host side of adam.cu: three steps on 12 tensors of odd sizes, against double.
#include <cmath>

#include "harness.h"

namespace softgpu::programs {
namespace {

constexpr int kTensors = 12, kBlocks = 48, kChunk = 512;

// As in the kernel.
struct Tensors {
  CUdeviceptr parameter[kTensors], gradient[kTensors], mean[kTensors], square[kTensors];
  int size[kTensors];
  unsigned char block_tensor[kBlocks];
  int block_chunk[kBlocks];
};
struct Settings {
  float rate, beta1, beta2, epsilon, correction1, correction2;
};

void run(Random& random) {
  const Module module("adam");
  Tensors tensors{};
  std::vector<Buffer<float>> parameters, gradients, means, squares;
  std::vector<std::vector<double>> p, g, m, v;
  int blocks = 0;
  for (int tensor = 0; tensor < kTensors; ++tensor) {
    const int size = 1 + static_cast<int>(random.integer(4 * kChunk));
    const std::vector<float> start = random.floats(size), gradient = random.floats(size);
    parameters.emplace_back(start);
    gradients.emplace_back(gradient);
    means.emplace_back(std::vector<float>(size));
    squares.emplace_back(std::vector<float>(size));
    p.emplace_back(start.begin(), start.end());
    g.emplace_back(gradient.begin(), gradient.end());
    m.emplace_back(size);
    v.emplace_back(size);
    tensors.parameter[tensor] = parameters.back().address();
    tensors.gradient[tensor] = gradients.back().address();
    tensors.mean[tensor] = means.back().address();
    tensors.square[tensor] = squares.back().address();
    tensors.size[tensor] = size;
    for (int chunk = 0; chunk < ceil_divide(size, kChunk); ++chunk, ++blocks) {
      tensors.block_tensor[blocks] = static_cast<unsigned char>(tensor);
      tensors.block_chunk[blocks] = chunk;
    }
  }

  Settings s{0.01f, 0.9f, 0.99f, 1e-8f, 0, 0};
  for (int step = 1; step <= 3; ++step) {
    s.correction1 = 1 - std::pow(s.beta1, static_cast<float>(step));
    s.correction2 = 1 - std::pow(s.beta2, static_cast<float>(step));
    launch(module.function("adam"), {blocks, 64}, tensors, s);
    for (int tensor = 0; tensor < kTensors; ++tensor) {
      for (std::size_t i = 0; i < p[tensor].size(); ++i) {
        const double gradient = g[tensor][i];
        double &mean = m[tensor][i], &square = v[tensor][i];
        mean = s.beta1 * mean + (1 - s.beta1) * gradient;
        square = s.beta2 * square + (1 - s.beta2) * gradient * gradient;
        p[tensor][i] -= s.rate * (mean / s.correction1) / (std::sqrt(square / s.correction2) + s.epsilon);
      }
    }
  }
  for (int tensor = 0; tensor < kTensors; ++tensor) {
    expect_near("parameter", parameters[tensor].read(), p[tensor], 1e-6, 1e-6);
    expect_near("mean", means[tensor].read(), m[tensor], 1e-6, 1e-5);
    expect_near("square", squares[tensor].read(), v[tensor], 1e-6, 1e-5);
  }
}

const Registration registration("adam", run);

}  // namespace
}  // namespace softgpu::programs
