#include "copies_in_flight.h"

#include <cstring>
#include <utility>

#include "driver.h"

namespace softgpu {
namespace {

/// Changes, but for one chance in 2^64, where the bytes change: multiply and rotate over 8-byte words (the
/// mixing of MurmurHash3), each row's tail padded with zeros.
std::uint64_t fingerprint(const CopyOperation& copy, const CopySide& side) {
  std::uint64_t hash = copy.bytes();
  for_each_row(copy, side, [&](std::uint64_t, std::uint64_t offset) {
    const std::byte* row = side.host() + offset;
    for (std::uint64_t i = 0; i < copy.width; i += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, row + i, copy.width - i < 8 ? copy.width - i : 8);
      word *= 0x87c37b91114253d5ull;
      hash ^= (word << 31 | word >> 33) * 0x4cf5ad432745937full;
      hash = (hash << 27 | hash >> 37) * 5 + 0x52dce729;
    }
  });
  return hash;
}

bool overlap(std::uint64_t a, std::uint64_t a_bytes, std::uint64_t b, std::uint64_t b_bytes) {
  return a < b + b_bytes && b < a + a_bytes;
}

}  // namespace

void CopiesInFlight::land_later(const CopyOperation& copy, const Work& work, std::shared_ptr<Context> context,
                                std::vector<std::byte> landing) {
  flights_.push_back({copy, work.node, work.name, std::move(context), std::move(landing), true, 0});
}

void CopiesInFlight::watch_source(const CopyOperation& copy, const Work& work,
                                  std::shared_ptr<Context> context) {
  flights_.push_back(
      {copy, work.node, work.name, std::move(context), {}, false, fingerprint(copy, copy.from)});
}

void CopiesInFlight::finish(Driver& driver, const InFlight& flight) {
  const CopyOperation& copy = flight.copy;
  if (flight.lands) {
    for_each_row(copy, copy.to, [&](std::uint64_t packed, std::uint64_t offset) {
      std::memcpy(copy.to.host() + offset, flight.landing.data() + packed, copy.width);
    });
    return;
  }
  if (fingerprint(copy, copy.from) == flight.fingerprint) return;
  driver.fail(
      *flight.context, Check::unordered, flight.name,
      "the host changed the page-locked source of " + flight.name +
          " before it had synchronised with the copy, which may still be reading it: wait for its stream or "
          "an event after it first");
}

template <class Predicate>
void CopiesInFlight::settle_if(Driver& driver, Predicate predicate) {
  std::vector<InFlight> going, staying;
  for (InFlight& flight : flights_) (predicate(flight) ? going : staying).push_back(std::move(flight));
  flights_ = std::move(staying);
  for (const InFlight& flight : going) finish(driver, flight);
}

void CopiesInFlight::settle(Driver& driver, const Past& past) {
  if (flights_.empty()) return;
  settle_if(driver, [&](const InFlight& flight) { return driver.order.knows(past, flight.node); });
}

void CopiesInFlight::settle_overlap(Driver& driver, const Past& past, const CopySide& side,
                                    const CopyOperation& shape) {
  if (flights_.empty()) return;
  settle_if(driver, [&](const InFlight& flight) {
    const CopySide& host = flight.lands ? flight.copy.to : flight.copy.from;
    return driver.order.knows(past, flight.node) &&
           overlap(host.address, extent(flight.copy, host), side.address, extent(shape, side));
  });
}

void CopiesInFlight::settle_range(Driver& driver, const void* base, std::uint64_t bytes) {
  settle_if(driver, [&](const InFlight& flight) {
    const CopySide& host = flight.lands ? flight.copy.to : flight.copy.from;
    return overlap(host.address, extent(flight.copy, host), reinterpret_cast<std::uint64_t>(base), bytes);
  });
}

void CopiesInFlight::settle_all(Driver& driver) {
  settle_if(driver, [](const InFlight&) { return true; });
}

}  // namespace softgpu
