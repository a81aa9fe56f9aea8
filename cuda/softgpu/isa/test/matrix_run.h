// What the tests of matrix instructions share: running PTX, CUTLASS' layout tables, products through one mma.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "../../machine/device.h"
#include "../../machine/launch.h"
#include "../../machine/program.h"
#include "../float16.h"
#include "../matrix.h"

namespace softgpu::matrix_test {

using ptx::Type;

inline int passed = 0, failed = 0;

inline void check(bool ok, const std::string& what, const char* file, int line) {
  ++(ok ? passed : failed);
  if (!ok) std::printf("%s:%d: %s\n", file, line, what.c_str());
}
#define CHECK(condition, what) check((condition), (what), __FILE__, __LINE__)

// ---- running PTX
// -----------------------------------------------------------------------------------------------------------

struct Outcome {
  std::vector<std::uint32_t> words;
  std::vector<Finding> findings;
  std::string refusal;  ///< what decoding threw
  bool found(Check which) const {
    return std::any_of(findings.begin(), findings.end(), [&](const Finding& f) { return f.check == which; });
  }
};

struct Declaration {
  std::uint64_t first_byte, rows, columns, leading;
  std::uint32_t element_bytes;
  DeclaredMatrix::Role role;
};

struct Run {
  bool hardware = false;
  std::uint32_t threads = 32;
  std::vector<Declaration> matrices;
};

inline constexpr const char* kRegisters =
    ".reg .pred %p<9>;\n.reg .b16 %h<9>;\n.reg .b32 %r<99>;\n.reg .f32 %f<9>;\n.reg .b64 %rd<19>;\n"
    ".shared .align 128 .b8 tile[4096];\n";

/// Runs `body` with %rd0 = the words' address, %r0 = lane; then the words are what memory holds.
inline Outcome run(const std::string& body, const std::vector<std::uint32_t>& words,
                   const Run& options = {}) {
  Settings settings;
  settings.exact_mma = options.hardware;
  settings.threads = 1;
  Device device(settings);
  const std::string text = std::string(".version 8.0\n.target sm_80\n.address_size 64\n") +
                           ".visible .entry k(.param .u64 p) {\n" + kRegisters +
                           "ld.param.u64 %rd0, [p];\nmov.u32 %r0, %tid.x;\n" + body + "\nret;\n}\n";
  Outcome outcome;
  try {
    Program program(device, text);
    const std::uint64_t bytes = words.size() * 4;
    const DeviceAddress address = *device.memory.allocate(bytes);
    device.memory.write(address, words.data(), bytes);
    for (const Declaration& each : options.matrices) {
      device.matrices.declare(
          {address + each.first_byte, each.rows, each.columns, each.leading, each.element_bytes, each.role});
    }
    Launch launch;
    launch.kernel = program.kernel("k");
    launch.block = {options.threads, 1, 1};
    launch.node = 1;
    launch.parameters.resize(8);
    std::memcpy(launch.parameters.data(), &address, 8);
    launch.kernel->function();
    execute(device, launch);
    outcome.words.resize(words.size());
    device.memory.read(outcome.words.data(), address, bytes);
  } catch (const std::exception& error) {
    outcome.refusal = error.what();
  }
  outcome.findings = device.findings.all();
  return outcome;
}

inline std::string number(std::uint64_t value) { return std::to_string(value); }

/// {%r10, %r11, ...}
inline std::string braces(const std::string& prefix, std::uint32_t first, std::uint32_t count) {
  std::string text = "{";
  for (std::uint32_t i = 0; i < count; ++i)
    text.append(i != 0 ? ", " : "").append(prefix).append(number(first + i));
  return text + "}";
}

// ---- layouts
// ---------------------------------------------------------------------------------------------------------------

/// A layout as CuTe writes it (CUTLASS 3, include/cute/atom/mma_traits_sm80.hpp): thread t = t0 + 4 t1 and
/// value indices go with strides to an index into the matrix column after column; of B that is (n, k).
struct CuteLayout {
  std::array<std::uint32_t, 2> thread_strides;
  std::vector<std::uint32_t> value_shape, value_strides;
  std::uint32_t index(std::uint32_t thread, std::uint32_t value) const {
    std::uint32_t result = thread % 4 * thread_strides[0] + thread / 4 * thread_strides[1];
    for (std::size_t i = 0; i < value_shape.size(); ++i) {
      result += value % value_shape[i] * value_strides[i];
      value /= value_shape[i];
    }
    return result;
  }
};

struct CuteShape {
  std::uint32_t m, n, k;
  Type element;
  CuteLayout a, b, c;
};
inline const CuteLayout kRow16x8{{32, 1}, {2, 2}, {16, 8}};  // SM80_16x8_Row
inline const CuteLayout kRow8x8{{16, 1}, {2}, {8}};          // SM80_8x8_Row
inline const CuteLayout kRow8x16{{32, 1}, {4}, {8}};         // SM80_8x16_Row
inline const CuteLayout k8x4{{8, 1}, {1}, {0}};              // SM80_8x4
inline const std::vector<CuteShape> kCuteShapes{
    {16, 8, 8, Type::f16, kRow16x8, kRow8x8, kRow16x8},
    {16, 8, 8, Type::bf16, kRow16x8, kRow8x8, kRow16x8},
    {16, 8, 16, Type::f16, {{32, 1}, {2, 2, 2}, {16, 8, 128}}, {{16, 1}, {2, 2}, {8, 64}}, kRow16x8},
    {16, 8, 16, Type::bf16, {{32, 1}, {2, 2, 2}, {16, 8, 128}}, {{16, 1}, {2, 2}, {8, 64}}, kRow16x8},
    {16, 8, 4, Type::tf32, {{16, 1}, {2}, {8}}, k8x4, kRow16x8},
    {16, 8, 8, Type::tf32, {{16, 1}, {2, 2}, {8, 64}}, {{8, 1}, {2}, {32}}, kRow16x8},
    {8, 8, 16, Type::s8, kRow8x16, kRow8x16, kRow8x8},
    {16, 8, 16, Type::s8, {{64, 1}, {4, 2}, {16, 8}}, kRow8x16, kRow16x8},
    {16, 8, 32, Type::s8, {{64, 1}, {4, 2, 2}, {16, 8, 256}}, {{32, 1}, {4, 2}, {8, 128}}, kRow16x8},
    {8, 8, 4, Type::f64, k8x4, k8x4, kRow8x8},
};
inline const CuteShape& cute(std::uint32_t m, std::uint32_t k, Type element) {
  for (const CuteShape& each : kCuteShapes) {
    if (each.m == m && each.k == k && each.element == element) return each;
  }
  std::abort();
}

inline std::uint32_t bits_of(Type type) {
  return type == Type::f64                         ? 64
         : type == Type::s8 || type == Type::u8    ? 8
         : type == Type::f16 || type == Type::bf16 ? 16
                                                   : 32;
}

/// A number in a type's bits.
inline std::uint64_t encode(Type type, double value) {
  switch (type) {
    case Type::f16:
      return f16_from(value);
    case Type::bf16:
      return bf16_from(value);
    case Type::f64:
      return std::bit_cast<std::uint64_t>(value);
    case Type::s8:
    case Type::u8:
    case Type::s32:
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) & (type == Type::s32 ? ~0u : 255u);
    default:
      return std::bit_cast<std::uint32_t>(static_cast<float>(value));
  }
}
inline double decode(Type type, std::uint64_t bits) {
  switch (type) {
    case Type::f16:
      return f16_to_double(static_cast<std::uint16_t>(bits));
    case Type::f64:
      return std::bit_cast<double>(bits);
    case Type::s32:
      return static_cast<std::int32_t>(bits);
    default:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  }
}

struct Mma {
  std::uint32_t m, n, k;
  Type d, a, b;
  const char* modifiers = "";
  const CuteShape& layouts() const { return cute(m, k, a == Type::u8 ? Type::s8 : a); }
};

/// Elements put into the registers that CuTe says; a register has 32 bits, or 64 for f64.
inline void place(std::vector<std::uint32_t>& words, std::uint32_t first, const CuteLayout& layout,
                  std::uint32_t rows, std::uint32_t columns, std::uint32_t bits,
                  const std::function<std::uint64_t(std::uint32_t, std::uint32_t)>& element) {
  const std::uint32_t values = rows * columns / 32, word_bits = std::max(bits, 32u);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    for (std::uint32_t v = 0; v < values; ++v) {
      const std::uint32_t index = layout.index(lane, v);
      const std::uint64_t value = element(index % rows, index / rows);
      const std::uint32_t r = v * bits / word_bits, shift = v * bits % word_bits;
      if (bits == 64) {
        std::memcpy(&words[first + 2 * (32 * r + lane)], &value, 8);
      } else {
        words[first + 32 * r + lane] |= static_cast<std::uint32_t>(value) << shift;
      }
    }
  }
}

using Matrix = std::vector<double>;  // row after row

/// D = A B + C through one mma, its fragments laid out as CuTe says.
inline Matrix multiply(const Mma& mma, const Matrix& a, const Matrix& b, const Matrix& c, bool hardware,
                       Outcome* outcome_out = nullptr) {
  const std::uint32_t bits = bits_of(mma.a), c_bits = bits_of(mma.d), each = bits == 64 ? 2 : 1;
  const std::uint32_t a_count = mma.m * mma.k * bits / 1024 / each,
                      b_count = mma.n * mma.k * bits / 1024 / each,
                      c_count = mma.m * mma.n * c_bits / 1024 / each;
  const std::uint32_t a_first = 0, b_first = a_first + 32 * each * a_count,
                      c_first = b_first + 32 * each * b_count, d_first = c_first + 32 * each * c_count;
  std::vector<std::uint32_t> words(d_first + 32 * each * c_count);
  const CuteShape& layouts = mma.layouts();
  place(words, a_first, layouts.a, mma.m, mma.k, bits,
        [&](std::uint32_t i, std::uint32_t k) { return encode(mma.a, a[i * mma.k + k]); });
  place(words, b_first, layouts.b, mma.n, mma.k, bits,
        [&](std::uint32_t j, std::uint32_t k) { return encode(mma.b, b[k * mma.n + j]); });
  place(words, c_first, layouts.c, mma.m, mma.n, c_bits,
        [&](std::uint32_t i, std::uint32_t j) { return encode(mma.d, c[i * mma.n + j]); });
  const std::string width = bits == 64 ? "b64" : "b32", prefix = bits == 64 ? "%rd" : "%r";
  const std::uint32_t bytes = 4 * each;
  std::string body = "mul.wide.u32 %rd1, %r0, " + number(bytes) + ";\nadd.s64 %rd1, %rd0, %rd1;\n";
  const auto load = [&](std::uint32_t reg, std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t r = 0; r < count; ++r) {
      body += "ld.global." + width + " " + prefix + number(reg + r) + ", [%rd1+" +
              number(4 * first + 32 * bytes * r) + "];\n";
    }
  };
  load(4, a_first, a_count);
  load(8, b_first, b_count);
  load(12, c_first, c_count);
  const auto name = [](Type type) { return std::string(ptx::name_of(type)); };
  body += "mma.sync.aligned.m" + number(mma.m) + "n" + number(mma.n) + "k" + number(mma.k) + ".row.col" +
          mma.modifiers + "." + name(mma.d) + "." + name(mma.a) + "." + name(mma.b) + "." + name(mma.d) +
          " " + braces(prefix, 16, c_count) + ", " + braces(prefix, 4, a_count) + ", " +
          braces(prefix, 8, b_count) + ", " + braces(prefix, 12, c_count) + ";\n";
  for (std::uint32_t r = 0; r < c_count; ++r) {
    body += "st.global." + width + " [%rd1+" + number(4 * d_first + 32 * bytes * r) + "], " + prefix +
            number(16 + r) + ";\n";
  }
  Run options;
  options.hardware = hardware;
  const Outcome outcome = run(body, words, options);
  if (outcome_out != nullptr) *outcome_out = outcome;
  Matrix d(mma.m * mma.n, NAN);
  if (!outcome.refusal.empty() || !outcome.findings.empty()) {
    CHECK(false,
          "mma: " + outcome.refusal + (outcome.findings.empty() ? "" : describe(outcome.findings.front())));
    return d;
  }
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    for (std::uint32_t v = 0; v < mma.m * mma.n / 32; ++v) {
      const std::uint32_t index = layouts.c.index(lane, v);
      std::uint64_t value = 0;
      if (bits == 64) {
        std::memcpy(&value, &outcome.words[d_first + 2 * (32 * v + lane)], 8);
      } else {
        const std::uint32_t per_word = 32 / c_bits;
        value = outcome.words[d_first + 32 * (v / per_word) + lane] >> (v % per_word * c_bits);
        if (c_bits == 16) value &= 0xffff;
      }
      d[index % mma.m * mma.n + index / mma.m] = decode(mma.d, value);
    }
  }
  return d;
}

inline Matrix product(const Matrix& a, const Matrix& b, const Matrix& c, std::uint32_t m, std::uint32_t n,
                      std::uint32_t k) {
  Matrix d = c;
  for (std::uint32_t i = 0; i < m; ++i) {
    for (std::uint32_t j = 0; j < n; ++j) {
      for (std::uint32_t l = 0; l < k; ++l) d[i * n + j] += a[i * k + l] * b[l * n + j];
    }
  }
  return d;
}

inline std::mt19937 generator(7);
inline Matrix small_integers(std::uint32_t count, int low, int high) {
  std::uniform_int_distribution<int> distribution(low, high);
  Matrix values(count);
  for (double& each : values) each = distribution(generator);
  return values;
}

inline const std::vector<Mma> kMmas{
    {16, 8, 16, Type::f32, Type::f16, Type::f16},   {16, 8, 16, Type::f16, Type::f16, Type::f16},
    {16, 8, 16, Type::f32, Type::bf16, Type::bf16}, {16, 8, 8, Type::f32, Type::f16, Type::f16},
    {16, 8, 8, Type::f16, Type::f16, Type::f16},    {16, 8, 8, Type::f32, Type::bf16, Type::bf16},
    {16, 8, 8, Type::f32, Type::tf32, Type::tf32},  {16, 8, 4, Type::f32, Type::tf32, Type::tf32},
    {8, 8, 4, Type::f64, Type::f64, Type::f64},     {16, 8, 16, Type::s32, Type::s8, Type::s8},
    {16, 8, 32, Type::s32, Type::s8, Type::s8},     {16, 8, 32, Type::s32, Type::u8, Type::s8},
    {16, 8, 32, Type::s32, Type::s8, Type::u8},     {16, 8, 16, Type::s32, Type::u8, Type::u8},
    {8, 8, 16, Type::s32, Type::s8, Type::u8},
};

inline std::string describe(const Mma& mma) {
  return "m" + number(mma.m) + "n" + number(mma.n) + "k" + number(mma.k) + " " +
         std::string(ptx::name_of(mma.d)) + " " + std::string(ptx::name_of(mma.a)) + " " +
         std::string(ptx::name_of(mma.b));
}

// ---- A100's sums
// -------------------------------------------------------------------------------------------------------------

inline double p2(int exponent) { return std::ldexp(1.0, exponent); }

struct Term {
  std::uint32_t k;
  double a, b;
};
/// D(0, 0) for row 0 of A and column 0 of B made of `terms`.
inline double dot(const Mma& mma, const std::vector<Term>& terms, double c, bool hardware = true) {
  Matrix a(mma.m * mma.k), b(mma.k * mma.n), d(mma.m * mma.n);
  for (const Term& term : terms) a[term.k] = term.a, b[term.k * mma.n] = term.b;
  d[0] = c;
  return multiply(mma, a, b, d, hardware)[0];
}

/// Prints the totals; main's result.
inline int report_totals() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace softgpu::matrix_test
