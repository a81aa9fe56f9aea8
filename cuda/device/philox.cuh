// Philox (core/philox.h) as a GPU computes it, and where its counter's step comes from.
#pragma once

#include "core/philox.h"
#include "core/step_block.h"
#include "device/uniform_load.cuh"

/// The words of lapidary::Philox::block, by the instructions for the halves of a product: of 64-bit ones nvcc
/// would make some three times as many.
__device__ inline uint4 philox_block(uint64_t key, uint64_t high, uint64_t low) {
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  uint4 c = make_uint4(static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                       static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32));
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    constexpr uint32_t kFirst = 0xD2511F53u, kSecond = 0xCD9E8D57u;
    c = make_uint4(__umulhi(kSecond, c.z) ^ c.y ^ k0, kSecond * c.z, __umulhi(kFirst, c.x) ^ c.w ^ k1,
                   kFirst * c.x);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

/// [0, 1) of the four words of block (high, low) under `key`.
__device__ inline float4 philox_uniforms(uint64_t key, uint64_t high, uint64_t low) {
  const uint4 words = philox_block(key, high, low);
  return make_float4(lapidary::Philox::uniform(words.x), lapidary::Philox::uniform(words.y),
                     lapidary::Philox::uniform(words.z), lapidary::Philox::uniform(words.w));
}

/// The low half of the step, as it stands when the kernel runs. All lanes of the warp must call it.
__device__ inline uint32_t philox_step(const lapidary::StepBlock* block) {
  return static_cast<uint32_t>(uniform_load(&block->step));
}
