// Device memory: the ring of allocations, red zones, quarantine, shadows, look-ups.
//   device_memory_test        prints "N passed, N failed"
#include "device_memory.h"

#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "race_record.h"

namespace {

using namespace softgpu;

int passed = 0, failed = 0;

void check(bool ok, const char* what, int line) {
  ++(ok ? passed : failed);
  if (!ok) std::printf("device_memory_test.cpp:%d: %s\n", line, what);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

void places() {
  DeviceMemory memory(1 << 20);
  const DeviceAddress a = *memory.allocate(100), b = *memory.allocate(256),
                      c = *memory.allocate(1, "c", true);
  CHECK(a % DeviceMemory::kAlignment == 0 && b % DeviceMemory::kAlignment == 0);
  CHECK(b - (a + 100) >= DeviceMemory::kRedZone && c - (b + 256) >= DeviceMemory::kRedZone);
  CHECK(memory.contains(a) && !memory.contains(a - 1) && !memory.contains(memory.base() + memory.capacity()));
  CHECK(memory.find(a, 100)->base == a && memory.find(a + 99, 1)->base == a);
  CHECK(memory.find(a + 99, 2) == nullptr && memory.find(a - 1, 1) == nullptr);
  CHECK(memory.find(a + 100, 0)->base == a && memory.find(a + 100, 1) == nullptr);
  CHECK(memory.find(a, ~std::uint64_t{0}) == nullptr);
  CHECK(memory.find(c, 1)->constant && memory.find(c, 1)->name == "c");
  CHECK(memory.describe(a + 7) == "byte 7 of allocation 1 of 100 bytes");
  CHECK(memory.describe(a + 104) == "4 bytes past the end of allocation 1 of 100 bytes");
  CHECK(!memory.free(a + 1) && memory.free(a) && !memory.free(a));
  CHECK(memory.find(a, 1) == nullptr);  // not from the cache either
  CHECK(memory.describe(a) == "byte 0 of freed allocation 1 of 100 bytes");
  CHECK(!memory.allocate(1 << 20) && !memory.allocate(~std::uint64_t{0}));
}

void quarantine() {
  constexpr std::uint64_t kSlots = 16, kBytes = 65536 - DeviceMemory::kRedZone;
  DeviceMemory memory(kSlots * 65536);
  const DeviceAddress kept = *memory.allocate(kBytes);
  std::vector<DeviceAddress> order;
  for (std::uint64_t i = 0; i < 3 * (kSlots - 1); ++i) {
    const auto address = memory.allocate(kBytes);
    CHECK(address.has_value());
    if (!address) return;
    CHECK(*address != kept);
    order.push_back(*address);
    CHECK(memory.free(*address));
  }
  // Every other place is used before one comes again.
  bool ring = true;
  for (std::size_t i = 0; i + kSlots - 1 < order.size(); ++i) {
    ring = ring && order[i] == order[i + kSlots - 1];
    for (std::size_t j = 1; j < kSlots - 1; ++j) ring = ring && order[i] != order[i + j];
  }
  CHECK(ring);
  CHECK(memory.used() == 65536);
  // A large range is found among many small freed ones; then the arena is full.
  const auto large = memory.allocate(14 * 65536);
  CHECK(large.has_value());
  CHECK(!memory.allocate(2 * 65536));
  CHECK(memory.free(*large) && memory.free(kept));
  CHECK(memory.allocate(kSlots * 65536 - DeviceMemory::kRedZone).has_value());
}

void shadows() {
  DeviceMemory memory(1 << 20);
  const DeviceAddress a = *memory.allocate(10000), b = *memory.allocate(10000);
  CHECK(*memory.first_undefined(a, 10000) == 0);
  std::vector<char> bytes(10000, 'x'), back(10000);
  memory.write(a + 1, bytes.data(), 9998);
  CHECK(*memory.first_undefined(a, 10000) == 0 && !memory.first_undefined(a + 1, 9998));
  CHECK(*memory.first_undefined(a + 1, 9999) == 9998);
  memory.copy(b, a, 10000);
  CHECK(!memory.first_undefined(b + 1, 9998) && *memory.first_undefined(b + 9999, 1) == 0);
  memory.fill(b, 0x01020304, 4, 2);
  memory.fill(b + 8, 0x0506, 2, 1);
  memory.read(back.data(), b, 10);
  CHECK(std::memcmp(back.data(), "\4\3\2\1\4\3\2\1\6\5", 10) == 0);
  *memory.records(b + 4) = RaceRecord::make(1, 2, 3, 4, 15).bits;
  CHECK(*memory.records(b + 7) != 0 && *memory.records(b) == 0);
  memory.forget_records();
  CHECK(*memory.records(b + 4) == 0);
  *memory.records(b + 4) = 1;
  CHECK(memory.free(b));
  CHECK(*memory.records(b + 4) == 0 && *memory.defined(b) == 0 && *memory.defined(a + 1) == 0xff);
}

void records() {
  const RaceRecord record = RaceRecord::make(1023, (1 << 20) + 5, (1 << 18) + 7, 1023, 9, true, false);
  CHECK(record.node() == 1023 && record.block() == 5 && record.epoch() == 7 && record.thread() == 1023);
  CHECK(record.byte_mask() == 9 && record.atomic() && !record.many());
  CHECK(RaceRecord::make(1, 0, 0, 0, 0, false, true).bits == (std::uint64_t{1} << 63 | 1));
}

void threads() {
  DeviceMemory memory(64 << 20);
  std::vector<std::thread> workers;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t) {
    workers.emplace_back([&, t] {
      for (int i = 0; i < 3000; ++i) {
        const auto address = memory.allocate(1000);
        if (!address || memory.find(*address + 500, 500) == nullptr) ++wrong[t];
        if (address && !memory.free(*address)) ++wrong[t];
        if (address && i % 7 == 0 && memory.describe(*address).empty()) ++wrong[t];
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  CHECK(wrong == std::vector<int>(4));
  CHECK(memory.used() == 0);
}

}  // namespace

int main() {
  places();
  quarantine();
  shadows();
  records();
  threads();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
