// softgpu_speed FOLDER N: times the tiled f32 GEMM of sgemm.cu on N x N matrices (a multiple of 128).
//
// Prints one JSON line: {"n", "seconds": [each launch], "counters": softgpu's own, of all launches}. The
// driver is opened at run time, so a GPU can be timed as well (counters then null).
#include <chrono>
#include <cstdio>
#include <exception>

#include "../harness.h"
#include "../reference.h"

namespace {

using namespace softgpu::programs;

constexpr int kLaunches = 5;

void measure(const char* folder, int n) {
  if (n <= 0 || n % 128 != 0) throw std::invalid_argument("N must be a positive multiple of 128");
  set_kernel_folder(folder);
  const Device device;
  const Module module("sgemm");
  Random random(1);
  const std::vector<float> a = random.floats(n * n), b = random.floats(n * n);
  const Buffer<float> device_a(a), device_b(b), c(n * n);
  std::string seconds;
  for (int i = 0; i < kLaunches; ++i) {
    const auto began = std::chrono::steady_clock::now();
    launch(module.function("sgemm"), {Extent(n / 128, n / 128), 256}, device_a, device_b, c, n);
    synchronize();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    seconds += (i == 0 ? "" : ", ") + std::to_string(took.count());
  }
  // A few elements against sums in double, so that the speed is that of right results.
  const std::vector<float> result = c.read();
  for (int i = 0; i < n; i += 37) {
    double sum = 0;
    for (int k = 0; k < n; ++k) sum += static_cast<double>(a[i * n + k]) * static_cast<double>(b[k * n + i]);
    const double error = static_cast<double>(result[i * n + i]) - sum;
    if (!(error < 1e-3 && error > -1e-3)) throw std::runtime_error("sgemm is wrong at " + std::to_string(i));
  }
  std::printf("{\"n\": %d, \"seconds\": [%s], \"counters\": %s}\n", n, seconds.c_str(),
              driver().softgpuCounters != nullptr ? driver().softgpuCounters() : "null");
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count != 3) throw std::invalid_argument("expected the folder of sgemm.ptx and N");
    measure(arguments[1], std::stoi(arguments[2]));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "softgpu_speed: %s\n", error.what());
    return 1;
  }
}
