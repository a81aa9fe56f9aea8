// What every program is written with: a device, modules, buffers, launches, random data, comparisons, and the
// list that programs and planted faults enter themselves into.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "driver.h"

namespace softgpu::programs {

/// The primary context of device 0, current on this thread while it lives.
class Device {
 public:
  Device();
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  int attribute(int which) const;

 private:
  CUdevice device_ = 0;
};

/// Folder that holds NAME.ptx or NAME.fatbin of each program; set once by the runner.
void set_kernel_folder(std::string folder);

/// The compiled kernels of NAME.cu.
class Module {
 public:
  explicit Module(const std::string& name);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  CUfunction function(const char* name) const;
  /// A kernel allowed `bytes` of dynamic shared memory, as is needed above 48 KB.
  CUfunction function(const char* name, unsigned bytes) const;
  struct Global {
    CUdeviceptr address;
    std::size_t bytes;
  };
  Global global(const char* name) const;

 private:
  CUmodule module_ = nullptr;
};

/// `count` values of T on the device. Fresh memory holds nothing anyone wrote.
template <class T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Buffer(std::size_t count) : count_(count) { driver().cuMemAlloc_v2(&address_, count * sizeof(T)); }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) { write(values); }
  Buffer(Buffer&& other) noexcept
      : address_(std::exchange(other.address_, 0)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer() {
    if (address_ != 0) driver().cuMemFree_v2.result(address_);
  }

  CUdeviceptr address() const { return address_; }
  std::size_t size() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }
  void write(const std::vector<T>& values) {
    driver().cuMemcpyHtoD_v2(address_, values.data(), values.size() * sizeof(T));
  }
  void fill_bytes(unsigned char value) { driver().cuMemsetD8_v2(address_, value, bytes()); }
  /// Waits for the null stream and copies everything to the host.
  std::vector<T> read() const {
    std::vector<T> values(count_);
    driver().cuMemcpyDtoH_v2(values.data(), address_, bytes());
    return values;
  }

 private:
  CUdeviceptr address_ = 0;
  std::size_t count_ = 0;
};

/// Host memory that copies may read and write asynchronously.
template <class T>
class Pinned {
 public:
  explicit Pinned(std::size_t count) : count_(count) {
    void* memory = nullptr;
    driver().cuMemHostAlloc(&memory, count * sizeof(T), 0);
    data_ = static_cast<T*>(memory);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { driver().cuMemFreeHost.result(data_); }
  T* data() const { return data_; }
  std::vector<T> values() const { return {data_, data_ + count_}; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  std::size_t count_;
};

class Stream {
 public:
  explicit Stream(unsigned flags = kStreamNonBlocking) { driver().cuStreamCreate(&stream_, flags); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { driver().cuStreamDestroy_v2.result(stream_); }
  operator CUstream() const { return stream_; }
  void synchronize() const { driver().cuStreamSynchronize(stream_); }

 private:
  CUstream stream_ = nullptr;
};

class Event {
 public:
  Event() { driver().cuEventCreate(&event_, 0); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { driver().cuEventDestroy_v2.result(event_); }
  operator CUevent() const { return event_; }

 private:
  CUevent event_ = nullptr;
};

struct Extent {
  Extent(std::size_t x, std::size_t y = 1, std::size_t z = 1)
      : x(static_cast<unsigned>(x)), y(static_cast<unsigned>(y)), z(static_cast<unsigned>(z)) {}
  unsigned x, y, z;
};

struct Shape {
  Extent grid;
  Extent block;
  unsigned shared = 0;  ///< bytes of dynamic shared memory
  CUstream stream = nullptr;
};

template <class T>
const T& parameter(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return value;
}
template <class T>
CUdeviceptr parameter(const Buffer<T>& buffer) {
  return buffer.address();
}

/// Launches `function`; each argument must have the very type of the kernel's parameter (a Buffer stands for
/// a pointer).
template <class... Arguments>
void launch(CUfunction function, const Shape& shape, const Arguments&... arguments) {
  auto values = std::make_tuple(parameter(arguments)...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        driver().cuLaunchKernel(function, shape.grid.x, shape.grid.y, shape.grid.z, shape.block.x,
                                shape.block.y, shape.block.z, shape.shared, shape.stream, pointers, nullptr);
      },
      values);
}

/// As `launch`, with all blocks resident at once.
template <class... Arguments>
void launch_cooperative(CUfunction function, const Shape& shape, const Arguments&... arguments) {
  auto values = std::make_tuple(parameter(arguments)...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)..., nullptr};
        driver().cuLaunchCooperativeKernel(function, shape.grid.x, shape.grid.y, shape.grid.z, shape.block.x,
                                           shape.block.y, shape.block.z, shape.shared, shape.stream,
                                           pointers);
      },
      values);
}

inline void synchronize() { driver().cuCtxSynchronize(); }

template <class T>
constexpr T ceil_divide(T a, T b) {
  return (a + b - 1) / b;
}

/// SplitMix64 (Steele, Lea, Flood 2014): data for programs, a function of the seed alone.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits();
  std::uint32_t bits32() { return static_cast<std::uint32_t>(bits() >> 32); }
  /// In [0, below).
  std::uint32_t integer(std::uint32_t below);
  /// In [low, high).
  double uniform(double low, double high);
  std::vector<float> floats(std::size_t count, double low = -1, double high = 1);
  std::vector<std::uint32_t> words(std::size_t count);
  std::vector<int> integers(std::size_t count, int low, int high);

 private:
  std::uint64_t state_;
};

/// A result that is not the reference's.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Mismatch with `what` unless `holds`.
void expect(bool holds, const std::string& what);

[[noreturn]] void mismatch(std::string_view what, std::size_t index, double actual, double expected);

/// Same length and the same bits in every element.
template <class T>
void expect_equal(std::string_view what, const std::vector<T>& actual, const std::vector<T>& expected) {
  expect(actual.size() == expected.size(), std::string(what) + ": another length");
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (std::memcmp(&actual[i], &expected[i], sizeof(T)) == 0) continue;
    if constexpr (std::is_arithmetic_v<T>) {
      mismatch(what, i, static_cast<double>(actual[i]), static_cast<double>(expected[i]));
    } else {
      expect(false, std::string(what) + ": element " + std::to_string(i) + " differs");
    }
  }
}

/// |actual - expected| <= absolute + relative |expected| in every element; NaN equals NaN only.
template <class T>
void expect_near(std::string_view what, const std::vector<T>& actual, const std::vector<double>& expected,
                 double absolute, double relative) {
  expect(actual.size() == expected.size(), std::string(what) + ": another length");
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = expected[i];
    if (a == e || (a != a && e != e)) continue;
    const double error = a < e ? e - a : a - e, bound = absolute + relative * (e < 0 ? -e : e);
    if (!(error <= bound)) mismatch(what, i, a, e);
  }
}

/// A correct program: throws Mismatch or DriverError when it fails.
struct Program {
  const char* name;
  void (*run)(Random& random);
};

/// Where a planted fault must be found.
enum class Place {
  marked_line,  ///< the source line of the finding says `// FAULT`
  launch,       ///< a launch or a copy as a whole: no source line
  host,         ///< the process is killed by SIGSEGV or SIGBUS
};

/// For Fault::code: any error; and any result at all, where what hardware does is not defined.
enum : CUresult { kAnyError = -1, kAnyResult = -2 };

struct Fault {
  const char* name;
  const char* check;  ///< the name that softgpu gives the check
  Place place;
  CUresult code;  ///< that the launch or a later call returns
  void (*run)();
};

std::vector<Program>& programs();
std::vector<Fault>& faults();

/// A variable of this type at namespace scope enters a program or a fault into its list.
struct Registration {
  Registration(const char* name, void (*run)(Random&)) { programs().push_back({name, run}); }
  Registration(const Fault& fault) { faults().push_back(fault); }
};

}  // namespace softgpu::programs
