#include "harness.h"

#include <cstdio>
#include <fstream>
#include <iterator>

namespace softgpu::programs {

namespace {

std::string& kernel_folder() {
  static std::string folder = ".";
  return folder;
}

/// The whole file and a NUL, which PTX text must end in; empty if there is none.
std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  std::string text{std::istreambuf_iterator<char>(file), {}};
  text.push_back('\0');
  return text;
}

}  // namespace

Device::Device() {
  driver().cuDeviceGet(&device_, 0);
  CUcontext context = nullptr;
  driver().cuDevicePrimaryCtxRetain(&context, device_);
  driver().cuCtxSetCurrent(context);
}

Device::~Device() {
  driver().cuCtxSetCurrent.result(nullptr);
  driver().cuDevicePrimaryCtxRelease_v2.result(device_);
}

int Device::attribute(int which) const {
  int value = 0;
  driver().cuDeviceGetAttribute(&value, which, device_);
  return value;
}

void set_kernel_folder(std::string folder) { kernel_folder() = std::move(folder); }

Module::Module(const std::string& name) {
  const std::string path = kernel_folder() + "/" + name;
  std::string image = contents(path + ".ptx");
  if (image.empty()) image = contents(path + ".fatbin");
  if (image.empty()) {
    throw std::runtime_error("neither " + path +
                             ".ptx nor .fatbin: compile the kernels by scripts/softgpu.mjs");
  }
  driver().cuModuleLoadData(&module_, image.data());
}

Module::~Module() { driver().cuModuleUnload.result(module_); }

CUfunction Module::function(const char* name) const {
  CUfunction function = nullptr;
  driver().cuModuleGetFunction(&function, module_, name);
  return function;
}

CUfunction Module::function(const char* name, unsigned bytes) const {
  const CUfunction found = function(name);
  driver().cuFuncSetAttribute(found, kFunctionMaximumDynamicShared, static_cast<int>(bytes));
  return found;
}

Module::Global Module::global(const char* name) const {
  Global found{};
  driver().cuModuleGetGlobal_v2(&found.address, &found.bytes, module_, name);
  return found;
}

std::uint64_t Random::bits() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint32_t Random::integer(std::uint32_t below) {
  return static_cast<std::uint32_t>((std::uint64_t{bits32()} * below) >> 32);
}

double Random::uniform(double low, double high) {
  return low + (high - low) * static_cast<double>(bits() >> 11) * 0x1p-53;
}

std::vector<float> Random::floats(std::size_t count, double low, double high) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(uniform(low, high));
  return values;
}

std::vector<std::uint32_t> Random::words(std::size_t count) {
  std::vector<std::uint32_t> values(count);
  for (std::uint32_t& value : values) value = bits32();
  return values;
}

std::vector<int> Random::integers(std::size_t count, int low, int high) {
  std::vector<int> values(count);
  for (int& value : values) value = low + static_cast<int>(integer(static_cast<std::uint32_t>(high - low)));
  return values;
}

void expect(bool holds, const std::string& what) {
  if (!holds) throw Mismatch(what);
}

void mismatch(std::string_view what, std::size_t index, double actual, double expected) {
  char numbers[128];
  std::snprintf(numbers, sizeof numbers, ": element %zu is %.17g, not %.17g", index, actual, expected);
  throw Mismatch(std::string(what) + numbers);
}

std::vector<Program>& programs() {
  static std::vector<Program> list;
  return list;
}

std::vector<Fault>& faults() {
  static std::vector<Fault> list;
  return list;
}

}  // namespace softgpu::programs
