// Philox blocks side by side in vectors: the words of core/philox.h, for kLanes consecutive counters at a
// time.
#pragma once

#include "core/philox.h"
#include "cpu/kernels/vectors.h"

namespace lapidary::cpu::LAPIDARY_ISA {

/// Elements that one call of philox_uniforms fills.
inline constexpr int64_t kPhiloxElements = 4 * kLanes;

/// uniforms[4 b + w] = [0, 1) of word w of block (high, low + b) under `key`, b < kLanes. low must not carry
/// beyond 32 bits.
static inline void philox_uniforms(uint64_t key, uint64_t high, uint64_t low, float* uniforms) {
  uint32_t c[4][kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    c[0][lane] = static_cast<uint32_t>(low) + static_cast<uint32_t>(lane);
    c[1][lane] = static_cast<uint32_t>(low >> 32);
    c[2][lane] = static_cast<uint32_t>(high);
    c[3][lane] = static_cast<uint32_t>(high >> 32);
  }
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint64_t p0 = uint64_t{0xD2511F53u} * c[0][lane], p1 = uint64_t{0xCD9E8D57u} * c[2][lane];
      c[0][lane] = static_cast<uint32_t>(p1 >> 32) ^ c[1][lane] ^ k0;
      c[1][lane] = static_cast<uint32_t>(p1);
      c[2][lane] = static_cast<uint32_t>(p0 >> 32) ^ c[3][lane] ^ k1;
      c[3][lane] = static_cast<uint32_t>(p0);
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int word = 0; word < 4; ++word) uniforms[4 * lane + word] = Philox::uniform(c[word][lane]);
  }
}

/// body(i, uniform vector, lanes) for elements begin..end-1 of one stream; begin is a multiple of
/// kPhiloxElements, and element e takes word e % 4 of block (high, low + e / 4).
template <class Body>
inline void for_uniforms(uint64_t key, uint64_t high, uint64_t low, int64_t begin, int64_t end, Body&& body) {
  alignas(64) float uniforms[kPhiloxElements];
  for (int64_t i = begin; i < end; i += kPhiloxElements) {
    philox_uniforms(key, high, low + static_cast<uint64_t>(i / 4), uniforms);
    for_vectors(0, std::min(kPhiloxElements, end - i),
                [&](int64_t at, auto lanes) { body(i + at, load(uniforms + at), lanes); });
  }
}

}  // namespace lapidary::cpu::LAPIDARY_ISA
