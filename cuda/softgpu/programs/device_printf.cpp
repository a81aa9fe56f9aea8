// Host side of device_printf.cu: standard output goes to a file meanwhile; its lines are compared as a set.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "harness.h"

namespace softgpu::programs {
namespace {

/// Sends the process's standard output into an unnamed file while it lives.
class CapturedOutput {
 public:
  CapturedOutput() : file_(std::tmpfile()) {
    if (file_ == nullptr) throw std::runtime_error("no temporary file");
    std::fflush(stdout);
    saved_ = dup(STDOUT_FILENO);
    dup2(fileno(file_), STDOUT_FILENO);
  }
  ~CapturedOutput() { finish(); }
  std::vector<std::string> lines() {
    finish();
    std::rewind(file_);
    std::vector<std::string> lines;
    char line[256];
    while (std::fgets(line, sizeof line, file_) != nullptr) lines.push_back(line);
    return lines;
  }

 private:
  void finish() {
    if (saved_ < 0) return;
    std::fflush(stdout);
    dup2(saved_, STDOUT_FILENO);
    close(saved_);
    saved_ = -1;
  }
  std::FILE* file_;
  int saved_ = -1;
};

void run(Random& random) {
  const Module module("device_printf");
  const int count = 131;
  const std::vector<int> x = random.integers(count, -500, 500);
  std::vector<double> y(count);
  for (double& value : y) value = random.uniform(-10, 10);
  std::vector<std::string> expected;
  for (int i = 0; i < count; ++i) {
    if (x[i] % 10 != 0) continue;
    char line[256];
    std::snprintf(line, sizeof line, "%s %d: %5d %+.3f %c %llu %%\n", "value", i, x[i], y[i], 'a' + i % 26,
                  static_cast<unsigned long long>(i) << 40);
    expected.push_back(line);
  }
  const Buffer<int> device_x(x);
  const Buffer<double> device_y(y);
  std::vector<std::string> lines;
  {
    CapturedOutput output;
    launch(module.function("report"), {2, 96}, device_x, device_y, count);
    synchronize();
    lines = output.lines();
  }
  std::sort(lines.begin(), lines.end());
  std::sort(expected.begin(), expected.end());
  expect(lines == expected, "printed " + std::to_string(lines.size()) + " lines, expected " +
                                std::to_string(expected.size()) + " equal ones");
}

const Registration registration("device_printf", run);

}  // namespace
}  // namespace softgpu::programs
