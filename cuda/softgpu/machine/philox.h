// Philox4x32-10 (Salmon et al., SC 2011): the schedule's random numbers, a function of seed, block and draw
// alone.
#pragma once

#include <array>
#include <cstdint>

namespace softgpu {

class Philox {
 public:
  Philox() = default;
  Philox(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}
  std::uint32_t next() {
    if (position_ == 4) {
      words_ = block(counter_++);
      position_ = 0;
    }
    return words_[position_++];
  }
  /// Uniform in [0, bound), bound >= 1.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((std::uint64_t{next()} * bound) >> 32);
  }

 private:
  std::array<std::uint32_t, 4> block(std::uint64_t counter) const {
    std::array<std::uint32_t, 4> x{
        static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
        static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)};
    std::uint32_t k0 = static_cast<std::uint32_t>(seed_), k1 = static_cast<std::uint32_t>(seed_ >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53u} * x[0], b = std::uint64_t{0xCD9E8D57u} * x[2];
      x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ k0, static_cast<std::uint32_t>(b),
           static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ k1, static_cast<std::uint32_t>(a)};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return x;
  }
  std::uint64_t seed_ = 0, stream_ = 0, counter_ = 0;
  std::array<std::uint32_t, 4> words_{};
  int position_ = 4;
};

}  // namespace softgpu
