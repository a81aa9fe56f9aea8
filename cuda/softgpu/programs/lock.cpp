// Host side of lock.cu: sums exact; lists hold each thread once, in its bucket, in any order.
#include <algorithm>

#include "harness.h"

namespace softgpu::programs {
namespace {

// As in the kernel.
struct Account {
  int count;
  unsigned long long sum;
  unsigned last;
};

void run(Random& random) {
  const Module module("lock");
  const int count = 301;
  const std::vector<unsigned> x = random.words(count);
  const Buffer<unsigned> device_x(x);
  const Buffer<int> lock(std::vector<int>{0});
  const Buffer<Account> account(std::vector<Account>{Account{}});
  launch(module.function("under_global_lock"), {ceil_divide(count, 48), 48}, device_x, count, lock, account);
  const Account result = account.read()[0];
  unsigned long long sum = 0;
  for (const unsigned value : x) sum += value;
  expect(result.count == count && result.sum == sum, "under_global_lock");
  expect(std::find(x.begin(), x.end(), result.last) != x.end(), "under_global_lock: last");

  const int blocks = 3, threads = 96;
  const std::vector<int> buckets = random.integers(blocks * threads, 0, 4);
  const Buffer<int> device_buckets(buckets), heads(blocks * 4), next(blocks * threads), lengths(blocks * 4);
  launch(module.function("under_shared_locks"), {blocks, threads}, device_buckets, heads, next, lengths);
  const std::vector<int> first = heads.read(), following = next.read(), reported = lengths.read();
  std::vector<int> visits(buckets.size());
  for (int list = 0; list < blocks * 4; ++list) {
    int length = 0;
    for (int i = first[list]; i >= 0 && length <= threads; i = following[i], ++length) {
      expect(i / threads == list / 4 && buckets[i] == list % 4,
             "under_shared_locks: a thread in another's list");
      ++visits[i];
    }
    expect(length == reported[list], "under_shared_locks: length");
  }
  expect(std::all_of(visits.begin(), visits.end(), [](int n) { return n == 1; }),
         "under_shared_locks: visits");
}

const Registration registration("lock", run);

}  // namespace
}  // namespace softgpu::programs
