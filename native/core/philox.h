// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
// (SC11). Every random number in lapidary is a pure function of (seed, site, step, sample, element), so
// results depend neither on threads nor on the order of work.
#pragma once

#include <array>
#include <cstdint>

namespace lapidary {

struct Philox {
  using Block = std::array<uint32_t, 4>;

  /// The 128 random bits at counter (low, high) under `key`.
  static constexpr Block block(uint64_t key, uint64_t high, uint64_t low) noexcept {
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    Block c{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32), static_cast<uint32_t>(high),
            static_cast<uint32_t>(high >> 32)};
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = uint64_t{0xD2511F53u} * c[0], p1 = uint64_t{0xCD9E8D57u} * c[2];
      c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
           static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return c;
  }

  /// [0, 1) with 24 bits, exact in f32.
  static constexpr float uniform(uint32_t bits) noexcept {
    return static_cast<float>(bits >> 8) * (1.0f / 16777216.0f);
  }
};

}  // namespace lapidary
