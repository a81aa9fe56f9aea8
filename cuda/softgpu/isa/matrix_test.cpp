// mma, ldmatrix, movmatrix and wmma: layouts against tables written by others, arithmetic against examples
// worked by hand from the papers, and what the checks say.
//   matrix_test        prints "N passed, M failed"
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

#include "../machine/device.h"
#include "../machine/launch.h"
#include "../machine/program.h"
#include "float16.h"
#include "matrix.h"

namespace {

using namespace softgpu;
using ptx::Type;

int passed = 0, failed = 0;

void check(bool ok, const std::string& what, int line) {
  ++(ok ? passed : failed);
  if (!ok) std::printf("matrix_test.cpp:%d: %s\n", line, what.c_str());
}
#define CHECK(condition, what) check((condition), (what), __LINE__)

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

constexpr const char* kRegisters =
    ".reg .pred %p<9>;\n.reg .b16 %h<9>;\n.reg .b32 %r<99>;\n.reg .f32 %f<9>;\n.reg .b64 %rd<19>;\n"
    ".shared .align 128 .b8 tile[4096];\n";

/// Runs `body` with %rd0 = the words' address, %r0 = lane; then the words are what memory holds.
Outcome run(const std::string& body, const std::vector<std::uint32_t>& words, const Run& options = {}) {
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

std::string number(std::uint64_t value) { return std::to_string(value); }

/// {%r10, %r11, ...}
std::string braces(const std::string& prefix, std::uint32_t first, std::uint32_t count) {
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
const CuteLayout kRow16x8{{32, 1}, {2, 2}, {16, 8}};  // SM80_16x8_Row
const CuteLayout kRow8x8{{16, 1}, {2}, {8}};          // SM80_8x8_Row
const CuteLayout kRow8x16{{32, 1}, {4}, {8}};         // SM80_8x16_Row
const CuteLayout k8x4{{8, 1}, {1}, {0}};              // SM80_8x4
const std::vector<CuteShape> kCuteShapes{
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
const CuteShape& cute(std::uint32_t m, std::uint32_t k, Type element) {
  for (const CuteShape& each : kCuteShapes) {
    if (each.m == m && each.k == k && each.element == element) return each;
  }
  std::abort();
}

std::uint32_t bits_of(Type type) {
  return type == Type::f64                         ? 64
         : type == Type::s8 || type == Type::u8    ? 8
         : type == Type::f16 || type == Type::bf16 ? 16
                                                   : 32;
}

/// A number in a type's bits.
std::uint64_t encode(Type type, double value) {
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
double decode(Type type, std::uint64_t bits) {
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
void place(std::vector<std::uint32_t>& words, std::uint32_t first, const CuteLayout& layout,
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
Matrix multiply(const Mma& mma, const Matrix& a, const Matrix& b, const Matrix& c, bool hardware,
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

Matrix product(const Matrix& a, const Matrix& b, const Matrix& c, std::uint32_t m, std::uint32_t n,
               std::uint32_t k) {
  Matrix d = c;
  for (std::uint32_t i = 0; i < m; ++i) {
    for (std::uint32_t j = 0; j < n; ++j) {
      for (std::uint32_t l = 0; l < k; ++l) d[i * n + j] += a[i * k + l] * b[l * n + j];
    }
  }
  return d;
}

std::mt19937 generator(7);
Matrix small_integers(std::uint32_t count, int low, int high) {
  std::uniform_int_distribution<int> distribution(low, high);
  Matrix values(count);
  for (double& each : values) each = distribution(generator);
  return values;
}

const std::vector<Mma> kMmas{
    {16, 8, 16, Type::f32, Type::f16, Type::f16},   {16, 8, 16, Type::f16, Type::f16, Type::f16},
    {16, 8, 16, Type::f32, Type::bf16, Type::bf16}, {16, 8, 8, Type::f32, Type::f16, Type::f16},
    {16, 8, 8, Type::f16, Type::f16, Type::f16},    {16, 8, 8, Type::f32, Type::bf16, Type::bf16},
    {16, 8, 8, Type::f32, Type::tf32, Type::tf32},  {16, 8, 4, Type::f32, Type::tf32, Type::tf32},
    {8, 8, 4, Type::f64, Type::f64, Type::f64},     {16, 8, 16, Type::s32, Type::s8, Type::s8},
    {16, 8, 32, Type::s32, Type::s8, Type::s8},     {16, 8, 32, Type::s32, Type::u8, Type::s8},
    {16, 8, 32, Type::s32, Type::s8, Type::u8},     {16, 8, 16, Type::s32, Type::u8, Type::u8},
    {8, 8, 16, Type::s32, Type::s8, Type::u8},
};

std::string describe(const Mma& mma) {
  return "m" + number(mma.m) + "n" + number(mma.n) + "k" + number(mma.k) + " " +
         std::string(ptx::name_of(mma.d)) + " " + std::string(ptx::name_of(mma.a)) + " " +
         std::string(ptx::name_of(mma.b));
}

void test_layouts() {
  for (const MatrixShape& s : kMatrixShapes) {
    const CuteShape& expected = cute(s.m, s.k, s.element);
    bool a = true, b = true, c = true;
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      for (std::uint32_t e = 0; e < s.m * s.k / 32; ++e) {
        const Element at = a_element(s, lane, e);
        a = a && expected.a.index(lane, e) == at.row + s.m * at.column;
      }
      for (std::uint32_t e = 0; e < s.k * s.n / 32; ++e) {
        const Element at = b_element(s, lane, e);
        b = b && expected.b.index(lane, e) == at.column + s.n * at.row;
      }
      for (std::uint32_t e = 0; e < s.m * s.n / 32; ++e) {
        const Element at = c_element(s, lane, e);
        c = c && expected.c.index(lane, e) == at.row + s.m * at.column;
      }
    }
    const std::string name = "layout of m" + number(s.m) + "n" + number(s.n) + "k" + number(s.k) + " " +
                             std::string(ptx::name_of(s.element)) + ": ";
    CHECK(a, name + "A");
    CHECK(b, name + "B");
    CHECK(c, name + "C");
  }
  for (const Mma& mma : kMmas) {
    for (const bool hardware : {false, true}) {
      const bool a_unsigned = mma.a == Type::u8, b_unsigned = mma.b == Type::u8;
      const Matrix a = mma.d == Type::s32
                           ? small_integers(mma.m * mma.k, a_unsigned ? 0 : -128, a_unsigned ? 255 : 127)
                           : small_integers(mma.m * mma.k, -4, 4);
      const Matrix b = mma.d == Type::s32
                           ? small_integers(mma.k * mma.n, b_unsigned ? 0 : -128, b_unsigned ? 255 : 127)
                           : small_integers(mma.k * mma.n, -4, 4);
      const Matrix c = small_integers(mma.m * mma.n, -9, 9);
      CHECK(multiply(mma, a, b, c, hardware) == product(a, b, c, mma.m, mma.n, mma.k),
            "product of small integers by " + describe(mma));
    }
  }
}

// ---- ldmatrix, movmatrix
// -----------------------------------------------------------------------------------------------------

/// Copies words 0..255 (16 rows of 16 b16) to the tile, loads matrices, stores registers to words 256...
std::string ldmatrix_body(const std::string& form, std::uint32_t count, const std::string& address) {
  std::string body =
      "mul.wide.u32 %rd1, %r0, 4;\nadd.s64 %rd1, %rd0, %rd1;\nmov.u32 %r1, tile;\nmad.lo.u32 %r2, %r0, 4, "
      "%r1;\n";
  for (std::uint32_t i = 0; i < 4; ++i) {
    body += "ld.global.b32 %r3, [%rd1+" + number(128 * i) + "];\nst.shared.b32 [%r2+" + number(128 * i) +
            "], %r3;\n";
  }
  body += "bar.sync 0;\n" + address + "ldmatrix.sync.aligned.m8n8." + form + ".shared.b16 " +
          braces("%r", 10, count) + ", [%r4];\n";
  for (std::uint32_t r = 0; r < count; ++r)
    body += "st.global.b32 [%rd1+" + number(1024 + 128 * r) + "], %r" + number(10 + r) + ";\n";
  return body;
}

void test_ldmatrix() {
  // 8 x 8 matrices of numbers 0..63, one after the other: row j of matrix i at 128 i + 16 j.
  std::vector<std::uint32_t> words(512);
  for (std::uint32_t i = 0; i < 128; ++i) words[i] = 2 * i | (2 * i + 1) << 16;
  const std::string rows = "mad.lo.u32 %r4, %r0, 16, %r1;\n";
  for (const std::uint32_t count : {1u, 2u, 4u}) {
    for (const bool transposed : {false, true}) {
      const Outcome outcome =
          run(ldmatrix_body("x" + number(count) + (transposed ? ".trans" : ""), count, rows), words);
      bool ok = outcome.findings.empty() && outcome.refusal.empty();
      for (std::uint32_t m = 0; ok && m < count; ++m) {
        for (std::uint32_t lane = 0; lane < 32; ++lane) {
          for (std::uint32_t h = 0; h < 2; ++h) {
            // CuTe's DstLayout of the 8 x 8 loads, in bits of the matrix (copy_traits_sm75.hpp, from memory):
            // plain 32 t + b; transposed (t % 4, t / 4):(256, 16), value h:128.
            const std::uint32_t bit =
                transposed ? lane % 4 * 256 + lane / 4 * 16 + 128 * h : 32 * lane + 16 * h;
            ok = ok && (outcome.words[256 + 32 * m + lane] >> (16 * h) & 0xffff) == 64 * m + bit / 16;
          }
        }
      }
      CHECK(ok, "ldmatrix.x" + number(count) + (transposed ? ".trans" : ""));
    }
  }
  // ldmatrix.x4 of a row-major 16 x 16 tile is the A fragment of m16n8k16; .x2.trans of a k x n tile is B.
  const CuteShape& shape = cute(16, 16, Type::f16);
  const std::string tile_rows =
      "and.b32 %r4, %r0, 15;\nmul.lo.u32 %r4, %r4, 32;\nshr.u32 %r5, %r0, 4;\nmad.lo.u32 %r4, %r5, 16, %r4;\n"
      "add.u32 %r4, %r4, %r1;\n";
  const Outcome a = run(ldmatrix_body("x4", 4, tile_rows), words);
  const Outcome b = run(ldmatrix_body("x4.trans", 4, tile_rows), words);
  bool a_ok = a.findings.empty(), b_ok = b.findings.empty();
  for (std::uint32_t lane = 0; lane < 32 && a_ok && b_ok; ++lane) {
    for (std::uint32_t v = 0; v < 8; ++v) {
      const std::uint32_t index = shape.a.index(lane, v), row = index % 16, column = index / 16;
      a_ok = a_ok && (a.words[256 + 32 * (v / 2) + lane] >> (v % 2 * 16) & 0xffff) == 16 * row + column;
    }
    for (std::uint32_t v = 0; v < 4; ++v) {
      const std::uint32_t index = shape.b.index(lane, v), n = index % 8, k = index / 8;
      b_ok = b_ok && (b.words[256 + 32 * (v / 2) + lane] >> (v % 2 * 16) & 0xffff) == 16 * k + n;
    }
  }
  CHECK(a_ok, "ldmatrix.x4 gives CuTe's A fragment of m16n8k16");
  CHECK(b_ok, "ldmatrix.trans gives CuTe's B fragment of m16n8k16");

  const Outcome moved =
      run(ldmatrix_body("x1", 1, rows) +
              "movmatrix.sync.aligned.m8n8.trans.b16 %r20, %r10;\nst.global.b32 [%rd1+1024], %r20;\n",
          words);
  const Outcome direct = run(ldmatrix_body("x1.trans", 1, rows), words);
  CHECK(moved.findings.empty() && moved.words == direct.words,
        "movmatrix.trans is what ldmatrix.trans loads");
}

// ---- A100's sums
// -------------------------------------------------------------------------------------------------------------

double p2(int exponent) { return std::ldexp(1.0, exponent); }

struct Term {
  std::uint32_t k;
  double a, b;
};
/// D(0, 0) for row 0 of A and column 0 of B made of `terms`.
double dot(const Mma& mma, const std::vector<Term>& terms, double c, bool hardware = true) {
  Matrix a(mma.m * mma.k), b(mma.k * mma.n), d(mma.m * mma.n);
  for (const Term& term : terms) a[term.k] = term.a, b[term.k * mma.n] = term.b;
  d[0] = c;
  return multiply(mma, a, b, d, hardware)[0];
}

void test_hardware_sums() {
  const Mma f16{16, 8, 16, Type::f32, Type::f16, Type::f16}, half{16, 8, 16, Type::f16, Type::f16, Type::f16},
      bf16{16, 8, 16, Type::f32, Type::bf16, Type::bf16}, tf32{16, 8, 8, Type::f32, Type::tf32, Type::tf32},
      f16_k8{16, 8, 8, Type::f32, Type::f16, Type::f16};
  // Fasi et al. 2021, the experiments of section 3 and their outcomes on A100.
  CHECK(dot(f16, {{0, p2(-24), 4}}, 0) == p2(-22), "subnormal f16 factors count");
  CHECK(dot(half, {{0, p2(-24), 4}}, 0) == p2(-22), "subnormal f16 factors count, f16 sums");
  CHECK(dot(f16, {}, p2(-149)) == p2(-149), "a subnormal f32 accumulator stays");
  CHECK(dot(bf16, {}, p2(-149)) == p2(-149), "a subnormal f32 accumulator stays (bf16)");
  CHECK(dot(half, {{0, p2(-14), 0.5}}, 0) == p2(-15), "subnormal f16 results");
  CHECK(dot(f16, {{0, p2(-14), 1}}, -p2(-15)) == p2(-15), "a difference below f16's normals");
  const double below = 1 - p2(-11);
  CHECK(dot(f16, {{0, below, below}}, 0) == 1 - p2(-10) + p2(-22), "products are exact");
  CHECK(dot(f16, {{0, below, below}, {1, below, below}, {2, below, below}, {3, below, below}}, 0) ==
            4 * (1 - p2(-10) + p2(-22)),
        "four exact products");
  // 0.5 * 2^-24 lies beyond the 24 fraction bits beside 1; four of them are lost, wherever the 1 stands.
  std::vector<Term> tiny;
  for (std::uint32_t k = 0; k < 4; ++k) tiny.push_back({k, 0.5, p2(-24)});
  CHECK(dot(f16, tiny, 1) == 1, "what lies beyond the kept bits of the greatest is lost");
  for (std::uint32_t j = 0; j < 8; ++j) {
    std::vector<Term> terms;
    for (std::uint32_t k = 0; k < 8; ++k) terms.push_back({k, k == j ? 1 : 0.5, k == j ? 1 : p2(-24)});
    CHECK(dot(f16, terms, p2(-24)) == 1, "no order inside a group");
    // 2^-24 fits the extra bit; eight of them add up to 2^-21.
    terms.clear();
    for (std::uint32_t k = 0; k < 8; ++k) terms.push_back({k, 1, k == j ? 1 : p2(-24)});
    CHECK(dot(f16, terms, p2(-24)) == 1 + p2(-21), "the bits kept add up before the rounding");
  }
  CHECK(dot(f16, {{0, 1, 2}, {1, 1, 3 * p2(-24)}}, 0) == 2, "sums are cut off");
  CHECK(dot(f16, {{0, 1, -2}, {1, 1, -3 * p2(-24)}}, 0) == -2, "sums are cut off toward zero");
  CHECK(dot(half, {{0, p2(-24), 0.5}, {1, p2(-24), 0.25}}, 0) == p2(-24), "f16 sums go to the nearest");
  CHECK(dot(f16, {{0, 1, 1}}, -(1 - p2(-24))) == p2(-24), "one extra bit");
  CHECK(dot(f16, {{0, 1, p2(-24)}, {1, 1, p2(-24)}, {2, 1, p2(-24)}, {3, 1, p2(-24)}}, 1 - p2(-24)) ==
            1 + p2(-23),
        "normalised at the end, not after each addition");
  CHECK(dot(f16, {{0, 1, 1}, {1, 1, -p2(-24)}}, -1 + p2(-24)) == 0, "no normalisation in subtraction");
  CHECK(dot(f16, {{0, 1, 1}, {1, 1, 1.5}, {2, 1, 1.75}, {3, 1, 1.875}}, 1.875) == 8, "bits for carries");
  for (std::uint32_t j = 0; j < 4; ++j) {
    std::vector<Term> terms;
    for (std::uint32_t k = 0; k < 4; ++k) terms.push_back({k, 1, k == j ? p2(-23) : 1});
    CHECK(dot(f16, terms, 1 + p2(-22) + p2(-23)) == 4 + p2(-21), "a carry keeps the low bits");
  }
  const std::vector<Term> ones{{0, 1, 1}, {1, 1, 1}, {2, 1, 1}, {3, 1, 1}};
  CHECK(dot(f16, ones, 1 + p2(-22) + p2(-23)) == 5, "cut off when normalised");
  const std::vector<Term> monotone{
      {0, 0.5, p2(-24)}, {1, 0.5, p2(-24)}, {2, 0.5, p2(-24)}, {3, 0.5, 3 * p2(-24)}};
  CHECK(dot(f16, monotone, 1 - p2(-24)) == 1 + p2(-23) && dot(f16, monotone, 1) == 1, "not monotone");

  // Groups of 8 (tf32: 4), the first along k first: C = 1 is taken away before or after the tiny product.
  CHECK(dot(f16, {{0, -1, 1}, {8, p2(-14), p2(-14)}}, 1) == p2(-28), "k 0-7 go before k 8-15");
  CHECK(dot(f16, {{8, -1, 1}, {0, p2(-14), p2(-14)}}, 1) == 0, "k 8-15 go after k 0-7");
  CHECK(dot(f16, {{7, -1, 1}, {0, p2(-14), p2(-14)}}, 1) == 0, "k 0-7 are one group");
  CHECK(dot(bf16, {{0, -1, 1}, {8, p2(-14), p2(-14)}}, 1) == p2(-28), "groups of 8 for bf16");
  CHECK(dot(f16_k8, {{0, -1, 1}, {7, p2(-14), p2(-14)}}, 1) == 0, "m16n8k8 is one group");
  CHECK(dot(tf32, {{0, -1, 1}, {4, p2(-14), p2(-14)}}, 1) == p2(-28), "groups of 4 for tf32");
  CHECK(dot(tf32, {{3, -1, 1}, {0, p2(-14), p2(-14)}}, 1) == 0, "k 0-3 are one group");
  CHECK(dot(f16, {{0, -1, 1}, {1, p2(-14), p2(-14)}}, 1, false) == p2(-28), "the f32 chain keeps it");

  // MMA-Sim: a product's exponent is the sum of its factors', a subnormal has its format's least.
  // 1.5 * 1.5 = 2.25 counts with exponent 0, so that 2^-24 is kept; with exponent 1 it would be lost.
  CHECK(dot(f16, {{0, 1.5, 1.5}, {1, -1.5, 1.5}, {2, 1, p2(-24)}}, 0) == p2(-24),
        "exponents of products are not normalised");
  // 2^-24 (exponent -14) times 2^-14: -28. Beside it 2^-53 is beyond 24 bits; were it normalised (-38), not.
  CHECK(dot(f16, {{0, p2(-24), p2(-14)}}, p2(-53)) == p2(-38), "exponents of subnormals are not normalised");
  CHECK(dot(f16, {{0, p2(-14), p2(-14)}, {1, p2(-24), -1}}, p2(-52)) == p2(-28) - p2(-24),
        "small terms beside a subnormal factor");
  CHECK(std::isinf(dot(tf32, {{0, p2(127), 2}}, 0)), "beyond f32 is infinity");
  CHECK(dot(tf32, {{0, p2(127), 2}, {1, -p2(127), 1}}, 0) == p2(127),
        "the group's sum counts, not its terms");
  CHECK(std::isinf(dot(half, {{0, 256, 256}}, 0)), "beyond f16 is infinity");
  CHECK(dot(half, {{0, 15, 1}}, 65504) == 65504 && std::isinf(dot(half, {{0, 16, 1}}, 65504)),
        "f16's last number");

  for (const bool hardware : {true, false}) {
    const std::string mode = hardware ? " (hardware)" : " (chain)";
    CHECK(dot(f16, {{0, INFINITY, 1}}, 0, hardware) == INFINITY, "infinity" + mode);
    CHECK(dot(f16, {{0, -INFINITY, 2}, {9, 1, 1}}, 5, hardware) == -INFINITY, "-infinity" + mode);
    CHECK(dot(f16, {}, INFINITY, hardware) == INFINITY, "an infinite accumulator" + mode);
    for (const auto& [terms, c] :
         std::vector<std::pair<std::vector<Term>, double>>{{{{0, INFINITY, 0}}, 0},
                                                           {{{0, INFINITY, 1}, {12, -INFINITY, 1}}, 0},
                                                           {{{3, NAN, 1}}, 0},
                                                           {{}, NAN},
                                                           {{{2, INFINITY, 1}}, -INFINITY}}) {
      Matrix a(256), b(128), d(128, 3);
      for (const Term& term : terms) a[term.k] = term.a, b[term.k * 8] = term.b;
      d[0] = c;
      Outcome outcome;
      const Matrix result = multiply(f16, a, b, d, hardware, &outcome);
      std::uint32_t canonical = 0;
      for (std::size_t i = outcome.words.size() - 128; i < outcome.words.size(); ++i)
        canonical += outcome.words[i] == 0x7fffffff ? 1 : 0;
      CHECK(std::isnan(result[0]) && canonical >= 1, "NaN is 0x7fffffff" + mode);
      CHECK(result[9] == 3 && result[127] == 3, "NaN spoils its own row and column only" + mode);
    }
    CHECK(std::isnan(dot(half, {{0, NAN, 1}}, 0, hardware)), "NaN in f16" + mode);
  }
}

/// One group as the papers describe it, in real numbers.
double group_sum(const std::vector<std::array<double, 2>>& factors, double c, int least, int c_least,
                 bool to_f16) {
  const auto exponent = [](double x, int smallest) { return std::max(std::ilogb(x), smallest); };
  int greatest = -132;
  for (const auto& [a, b] : factors) {
    if (a != 0 && b != 0) greatest = std::max(greatest, exponent(a, least) + exponent(b, least));
  }
  if (c != 0) greatest = std::max(greatest, exponent(c, c_least));
  const auto cut = [&](double x) { return std::trunc(std::ldexp(x, 24 - greatest)); };
  double sum = cut(c);
  for (const auto& [a, b] : factors) sum += cut(a * b);
  sum = std::ldexp(sum, greatest - 24);
  if (sum == 0) return 0;
  const int last = exponent(sum, c_least) - (to_f16 ? 10 : 23);
  const double units = std::ldexp(sum, -last);
  const double rounded = std::ldexp(to_f16 ? std::nearbyint(units) : std::trunc(units), last);
  return std::fabs(rounded) >= (to_f16 ? 65536.0 : p2(128)) ? std::copysign(INFINITY, rounded) : rounded;
}

void test_random_sums() {
  for (const Mma& mma : kMmas) {
    if (mma.d != Type::f32 && mma.d != Type::f16) continue;
    const std::uint32_t group = mma.a == Type::tf32 ? 4 : 8;
    const bool f16 = mma.a == Type::f16;
    int wrong = 0, wrong_chain = 0;
    for (int spread = 0; spread < 6; ++spread) {
      // Ever wider ranges of exponents, down to subnormals, up to overflow.
      const int least = f16 ? std::max(-4 * spread, -15) : -20 * spread,
                greatest = f16 ? 2 * spread : 10 * spread;
      std::uniform_int_distribution<int> exponents(least - (spread == 5 ? 10 : 0), greatest);
      std::normal_distribution<double> normal;
      const auto draw = [&](Type type) {
        double value = std::ldexp(normal(generator), exponents(generator));
        if (type == Type::f16) return f16_to_double(f16_from(std::clamp(value, -60000.0, 60000.0)));
        if (type == Type::bf16) return static_cast<double>(bf16_to_float(bf16_from(value)));
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
        return static_cast<double>(std::bit_cast<float>(type == Type::tf32 ? bits & 0xffffe000 : bits));
      };
      Matrix a(mma.m * mma.k), b(mma.k * mma.n), c(mma.m * mma.n);
      for (double& each : a) each = draw(mma.a);
      for (double& each : b) each = draw(mma.b);
      for (double& each : c) each = draw(mma.d);
      const Matrix exact = multiply(mma, a, b, c, true), chained = multiply(mma, a, b, c, false);
      for (std::uint32_t i = 0; i < mma.m; ++i) {
        for (std::uint32_t j = 0; j < mma.n; ++j) {
          double sum = c[i * mma.n + j];
          auto chain = static_cast<float>(sum);
          for (std::uint32_t k = 0; k < mma.k; k += group) {
            std::vector<std::array<double, 2>> factors;
            for (std::uint32_t l = k; l < std::min(k + group, mma.k); ++l) {
              factors.push_back({a[i * mma.k + l], b[l * mma.n + j]});
              chain =
                  std::fma(static_cast<float>(a[i * mma.k + l]), static_cast<float>(b[l * mma.n + j]), chain);
            }
            if (std::isfinite(sum))
              sum = group_sum(factors, sum, f16 ? -14 : -126, mma.d == Type::f16 ? -14 : -126,
                              mma.d == Type::f16);
          }
          wrong += exact[i * mma.n + j] == sum ? 0 : 1;
          const double rounded = mma.d == Type::f16 ? f16_to_double(f16_from(static_cast<double>(chain)))
                                                    : static_cast<double>(chain);
          const double got = chained[i * mma.n + j];
          wrong_chain += got == rounded || (std::isnan(got) && std::isnan(rounded)) ? 0 : 1;
        }
      }
    }
    CHECK(wrong == 0, describe(mma) + ": " + number(static_cast<std::uint64_t>(wrong)) +
                          " of 768 sums unlike the papers' model");
    CHECK(wrong_chain == 0, describe(mma) + ": the f32 chain");
  }
}

void test_integers() {
  const Mma wraps{16, 8, 32, Type::s32, Type::u8, Type::u8},
      clamps{16, 8, 32, Type::s32, Type::u8, Type::u8, ".satfinite"};
  std::vector<Term> terms;
  for (std::uint32_t k = 0; k < 32; ++k) terms.push_back({k, 255, 255});
  CHECK(dot(wraps, terms, 0) == 32 * 255 * 255, "32 products of 255 * 255");
  CHECK(dot(wraps, terms, INT32_MAX) == double(INT32_MIN) + 32 * 255 * 255 - 1, "s32 wraps");
  CHECK(dot(clamps, terms, INT32_MAX) == INT32_MAX, "satfinite clamps");
  const Mma negative{16, 8, 16, Type::s32, Type::s8, Type::u8, ".satfinite"};
  CHECK(dot(negative, {{0, -128, 255}}, INT32_MIN) == INT32_MIN, "satfinite clamps below");
}

// ---- wmma
// ----------------------------------------------------------------------------------------------------------------------

struct Wmma {
  std::uint32_t m, n, k;
  Type element, accumulator;
  std::uint32_t a_registers, b_registers, c_registers;  ///< as the manual lists them
};
const std::vector<Wmma> kWmmas{
    {16, 16, 16, Type::f16, Type::f32, 8, 8, 8}, {32, 8, 16, Type::f16, Type::f16, 8, 8, 4},
    {8, 32, 16, Type::f16, Type::f32, 8, 8, 8},  {16, 16, 16, Type::bf16, Type::f32, 4, 4, 8},
    {32, 8, 16, Type::bf16, Type::f32, 8, 2, 8}, {8, 32, 16, Type::bf16, Type::f32, 2, 8, 8},
    {16, 16, 16, Type::s8, Type::s32, 2, 2, 8},  {32, 8, 16, Type::u8, Type::s32, 4, 1, 8},
    {8, 32, 16, Type::s8, Type::s32, 1, 4, 8},   {16, 16, 8, Type::tf32, Type::f32, 4, 4, 8},
    {8, 8, 4, Type::f64, Type::f64, 1, 1, 2},
};

void test_wmma() {
  for (const Wmma& w : kWmmas) {
    for (std::uint32_t layouts = 0; layouts < 8; ++layouts) {
      const bool a_columns = (layouts & 1) != 0, b_columns = (layouts & 2) != 0,
                 c_columns = (layouts & 4) != 0;
      const bool f64 = w.element == Type::f64;
      const std::uint32_t bytes = bits_of(w.element) / 8, c_bytes = bits_of(w.accumulator) / 8, ld = 48;
      const std::uint32_t b_at = 48 * ld * bytes, c_at = 2 * b_at, d_at = c_at + 48 * ld * c_bytes,
                          end = d_at + 48 * ld * c_bytes;
      const int low = w.element == Type::u8 ? 0 : -3;
      const Matrix a = small_integers(w.m * w.k, low, 3), b = small_integers(w.k * w.n, low, 3),
                   c = small_integers(w.m * w.n, -9, 9);
      std::vector<std::uint32_t> words(end / 4);
      auto* memory = reinterpret_cast<std::byte*>(words.data());
      const auto offset = [&](std::uint32_t at, bool columns, std::uint32_t each, std::uint32_t i,
                              std::uint32_t j) { return at + (columns ? j * ld + i : i * ld + j) * each; };
      const auto put = [&](std::uint32_t at, bool columns, Type type, const Matrix& from, std::uint32_t m,
                           std::uint32_t n) {
        for (std::uint32_t i = 0; i < m; ++i) {
          for (std::uint32_t j = 0; j < n; ++j) {
            const std::uint64_t bits = encode(type, from[i * n + j]);
            std::memcpy(memory + offset(at, columns, bits_of(type) / 8, i, j), &bits, bits_of(type) / 8);
          }
        }
      };
      put(0, a_columns, w.element, a, w.m, w.k);
      put(b_at, b_columns, w.element, b, w.k, w.n);
      put(c_at, c_columns, w.accumulator, c, w.m, w.n);
      const std::string shape = ".m" + number(w.m) + "n" + number(w.n) + "k" + number(w.k);
      const std::string type(ptx::name_of(w.element)), sum(ptx::name_of(w.accumulator)),
          r = f64 ? "%rd" : "%r";
      const std::uint32_t ra = f64 ? 4 : 10, rb = f64 ? 5 : 20, rc = f64 ? 6 : 30, rd = f64 ? 8 : 40;
      const auto word = [](bool columns) { return std::string(columns ? ".col" : ".row"); };
      std::string body = "mov.u32 %r1, 48;\n";
      body += "wmma.load.a.sync.aligned" + word(a_columns) + shape + ".global." + type + " " +
              braces(r, ra, w.a_registers) + ", [%rd0], %r1;\n";
      body += "wmma.load.b.sync.aligned" + word(b_columns) + shape + "." + type + " " +
              braces(r, rb, w.b_registers) + ", [%rd0+" + number(b_at) + "], %r1;\n";
      body += "wmma.load.c.sync.aligned" + word(c_columns) + shape + ".global." + sum + " " +
              braces(r, rc, w.c_registers) + ", [%rd0+" + number(c_at) + "], %r1;\n";
      body += "wmma.mma.sync.aligned" + word(a_columns) + word(b_columns) + shape + "." + sum +
              (w.element == Type::f16 ? "." + sum : "." + type + "." + type + "." + sum) +
              (f64 ? ".rn" : "") + " " + braces(r, rd, w.c_registers) + ", " + braces(r, ra, w.a_registers) +
              ", " + braces(r, rb, w.b_registers) + ", " + braces(r, rc, w.c_registers) + ";\n";
      body += "wmma.store.d.sync.aligned" + word(c_columns) + shape + ".global." + sum + " [%rd0+" +
              number(d_at) + "], " + braces(r, rd, w.c_registers) + ", %r1;\n";
      const Outcome outcome = run(body, words);
      bool ok = outcome.findings.empty() && outcome.refusal.empty();
      const Matrix expected = product(a, b, c, w.m, w.n, w.k);
      for (std::uint32_t i = 0; ok && i < w.m; ++i) {
        for (std::uint32_t j = 0; j < w.n; ++j) {
          std::uint64_t bits = 0;
          std::memcpy(&bits,
                      reinterpret_cast<const std::byte*>(outcome.words.data()) +
                          offset(d_at, c_columns, c_bytes, i, j),
                      c_bytes);
          ok = ok && decode(w.accumulator, bits) == expected[i * w.n + j];
        }
      }
      CHECK(ok, "wmma" + shape + " " + type + " " + sum + " layouts " + number(layouts) + " " +
                    outcome.refusal +
                    (outcome.findings.empty() ? "" : softgpu::describe(outcome.findings.front())));
    }
  }
}

// ---- checks
// --------------------------------------------------------------------------------------------------------------------

const std::string kTf32Mma = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r30, %r31, %r32, %r33}, ";

void test_collective() {
  std::string body = "mov.b32 %r10, 0;\nmov.b32 %r30, 0;\n";
  const std::string mma =
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r40, %r41, %r42, %r43}, {%r10, %r10}, {%r10}, "
      "{%r30, %r30, %r30, %r30};\n";
  CHECK(run(body + mma, {0}).findings.empty(), "a whole warp is right");
  Run part;
  part.threads = 31;
  CHECK(run(body + mma, {0}, part).found(Check::collective), "31 threads are no warp");
  CHECK(
      run(body + "setp.eq.u32 %p0, %r0, 5;\n@%p0 bra out;\n" + mma + "out:\n", {0}).found(Check::collective),
      "a lane that has exited is missed");
  const Outcome undefined =
      run("mov.b32 %r10, 0;\nmov.b32 %r30, 0;\nsetp.ne.u32 %p0, %r0, 6;\n@%p0 mov.b32 %r11, 0;\n"
          "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r40, %r41, %r42, %r43}, {%r10, %r11}, "
          "{%r10}, {%r30, %r30, %r30, %r30};\n",
          {0});
  // Lane 6: g = 1, q = 2; register 1 of A is row g + 8, columns 4 and 5.
  CHECK(undefined.findings.size() == 1 && undefined.found(Check::uninitialised) &&
            undefined.findings[0].thread[0] == 6 &&
            undefined.findings[0].message.find("register 1 of A in lane 6, element (9, 4)") !=
                std::string::npos,
        "an unwritten fragment register is named");
}

void test_refusals() {
  const auto refused = [](const std::string& instruction, const std::string& name) {
    const Outcome outcome = run(instruction, {0});
    CHECK(outcome.refusal.find(name) != std::string::npos,
          instruction + " is refused by name: " + outcome.refusal);
  };
  refused(
      "mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 {%r1,%r2,%r3,%r4}, {%r5,%r6,%r7,%r8}, {%r9,%r10}, "
      "{%r1,%r2,%r3,%r4};",
      "s4");
  refused(
      "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.xor.popc {%r1,%r2,%r3,%r4}, {%r5,%r6,%r7,%r8}, "
      "{%r9,%r10}, {%r1,%r2,%r3,%r4};",
      "b1");
  refused("stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r1], {%r2};", "sm_90");
  refused(
      "mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%r1,%r2,%r3,%r4,%r5,%r6,%r7,%r8}, {%r9,%r10}, "
      "{%r11,%r12}, {%r1,%r2,%r3,%r4,%r5,%r6,%r7,%r8};",
      "m8n8k4");
  refused(
      "mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r1,%r2,%r3,%r4}, {%r5,%r6}, {%r7,%r8}, "
      "{%r1,%r2,%r3,%r4}, %r9, 0;",
      "sparse");
  refused("wmma.load.a.sync.aligned.row.m8n8k32.global.s4 {%r1}, [%rd0];", "4-bit");
}

/// A 16 x 8 at word 0, B 8 x 8 at word 128, both f32 row after row; register r of the fragments comes from
/// the offset that word 256 + 32 r + lane holds.
std::string tf32_body() {
  std::string body = "mul.wide.u32 %rd1, %r0, 4;\nadd.s64 %rd1, %rd0, %rd1;\n";
  for (std::uint32_t r = 0; r < 6; ++r) {
    body += "ld.global.u32 %r1, [%rd1+" + number(1024 + 128 * r) +
            "];\ncvt.u64.u32 %rd2, %r1;\nadd.s64 %rd2, %rd0, %rd2;\nld.global.b32 %r" + number(10 + r) +
            ", [%rd2];\n";
  }
  return body + "mov.b32 %r30, 0;\nmov.b32 %r31, 0;\nmov.b32 %r32, 0;\nmov.b32 %r33, 0;\n" + kTf32Mma +
         "{%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r30, %r31, %r32, %r33};\n";
}

/// Which element of the matrix stands at a place of the fragment.
using Places = std::function<std::array<std::uint32_t, 2>(std::uint32_t, std::uint32_t)>;

std::vector<std::uint32_t> tf32_words(const Places& a, const Places& b) {
  std::vector<std::uint32_t> words(256 + 6 * 32, std::bit_cast<std::uint32_t>(1.0f));
  const CuteShape& shape = cute(16, 8, Type::tf32);
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    for (std::uint32_t r = 0; r < 4; ++r) {
      const std::uint32_t index = shape.a.index(lane, r);
      const auto [i, k] = a(index % 16, index / 16);
      words[256 + 32 * r + lane] = 4 * (8 * i + k);
    }
    for (std::uint32_t r = 0; r < 2; ++r) {
      const std::uint32_t index = shape.b.index(lane, r);
      const auto [k, j] = b(index / 8, index % 8);
      words[256 + 32 * (4 + r) + lane] = 4 * (128 + 8 * k + j);
    }
  }
  return words;
}

void test_declared_matrices() {
  Run declared;
  declared.matrices = {{0, 16, 8, 8, 4, DeclaredMatrix::Role::a}, {512, 8, 8, 8, 4, DeclaredMatrix::Role::b}};
  const Places same = [](std::uint32_t i, std::uint32_t j) { return std::array{i, j}; };
  const auto outcome = [&](const Places& a, const Places& b, const std::string& after = "") {
    return run(tf32_body() + after, tf32_words(a, b), declared);
  };
  const auto right = [&](const Places& a, const Places& b, const std::string& what,
                         const std::string& after = "") {
    const Outcome result = outcome(a, b, after);
    CHECK(result.findings.empty() && result.refusal.empty(),
          what + " is right: " + result.refusal +
              (result.findings.empty() ? "" : softgpu::describe(result.findings.front())));
  };
  const auto wrong = [&](const Places& a, const Places& b, const std::string& what, const std::string& says,
                         const std::string& after = "") {
    const Outcome result = outcome(a, b, after);
    CHECK(result.findings.size() == 1 && result.found(Check::fragment) &&
              result.findings[0].message.find(says) != std::string::npos,
          what + " is found: " + result.refusal +
              (result.findings.empty() ? "" : softgpu::describe(result.findings.front())));
  };
  const auto permuted = [](std::uint32_t k) { return (5 * k + 3) % 8; };
  right(same, same, "the plain product");
  right(
      [&](std::uint32_t i, std::uint32_t k) {
        return std::array{i, permuted(k)};
      },
      [&](std::uint32_t k, std::uint32_t j) {
        return std::array{permuted(k), j};
      },
      "a permutation of k");
  right(
      [](std::uint32_t i, std::uint32_t k) {
        return std::array{(i * 7 + 2) % 16, k};
      },
      [](std::uint32_t k, std::uint32_t j) {
        return std::array{k, 7 - j};
      },
      "a permutation of rows and columns");
  right(
      [](std::uint32_t i, std::uint32_t k) {
        return std::array{std::min(i, 12u), k};
      },
      same, "clamped rows");
  wrong(
      [](std::uint32_t i, std::uint32_t k) {
        return std::array{i, k ^ 4};
      },
      same, "two registers of A swapped", "k = 4 meets k = 0");
  wrong(
      [](std::uint32_t i, std::uint32_t k) {
        return std::array{k % 2 == 0 ? i : i ^ 8, k};
      },
      same, "rows of A mixed", "one row of a fragment");
  wrong(
      same,
      [](std::uint32_t k, std::uint32_t j) {
        return std::array{k, k < 4 ? j : j ^ 1};
      },
      "columns of B mixed", "one column of a fragment");
  wrong(
      same,
      [](std::uint32_t k, std::uint32_t j) {
        return std::array{j, k};
      },
      "B transposed", "");
  wrong(
      [](std::uint32_t i, std::uint32_t k) {
        return std::array{i, i == 13 && k == 6 ? 7u : k};
      },
      same, "one lane of A", "register 3 of A in lane 22, element (13, 6)");
  // A second product into the same registers, of other rows.
  const std::string again = kTf32Mma + "{%r11, %r10, %r13, %r12}, {%r14, %r15}, {%r30, %r31, %r32, %r33};\n";
  wrong(same, same, "accumulators that change rows", "must keep to one element", again);
  right(same, same, "accumulators of two products",
        kTf32Mma + "{%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r30, %r31, %r32, %r33};\n");
  // What is computed is not judged; what is only moved or rounded is.
  const std::string swapped_then =
      kTf32Mma + "{%r12, %r11, %r10, %r13}, {%r14, %r15}, {%r20, %r20, %r20, %r20};\n";
  right(same, same, "what is computed",
        "mov.b32 %r20, 0;\nadd.s32 %r10, %r10, 0;\nadd.s32 %r12, %r12, 0;\n" + swapped_then);
  wrong(same, same, "what is moved and rounded", "k = 4 meets k = 0",
        "mov.b32 %r20, 0;\nmov.b32 %r21, %r10;\ncvt.rna.tf32.f32 %r10, %r21;\nmov.b32 {%h1, %h2}, "
        "%r12;\nmov.b32 %r12, {%h1, %h2};\n"
        "setp.eq.u32 %p1, %r0, %r0;\nselp.b32 %r12, %r12, %r20, %p1;\nprmt.b32 %r12, %r12, %r20, 0x3210;\n" +
            swapped_then);
  {  // D^T = B^T A^T: the instruction's A is the transpose of the declared B (8 x 16), its B that of A (8 x
     // 8).
    Run swapped;
    swapped.matrices = {{0, 8, 16, 16, 4, DeclaredMatrix::Role::b},
                        {512, 8, 8, 8, 4, DeclaredMatrix::Role::a}};
    std::vector<std::uint32_t> words = tf32_words(same, [](std::uint32_t k, std::uint32_t j) {
      return std::array{j, k};
    });
    const CuteShape& shape = cute(16, 8, Type::tf32);
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      for (std::uint32_t r = 0; r < 4; ++r) {
        const std::uint32_t index = shape.a.index(lane, r);
        words[256 + 32 * r + lane] = 4 * (16 * (index / 16) + index % 16);
      }
    }
    const Outcome result = run(tf32_body(), words, swapped);
    CHECK(result.findings.empty() && result.refusal.empty(), "operands that change places are right");
  }
}

/// f16: A 16 x 16 at word 0, B 16 x 8 at word 128 (row after row); through swizzled shared memory and
/// ldmatrix.
void test_declared_through_shared() {
  Run declared;
  declared.matrices = {{0, 16, 16, 16, 2, DeclaredMatrix::Role::a},
                       {512, 16, 8, 8, 2, DeclaredMatrix::Role::b}};
  const std::vector<std::uint32_t> words(256, 0x3c003c00);
  // Half a row (16 bytes) of A a lane: row lane / 2, half lane % 2, to chunk (lane % 2) ^ (row / 4 % 2).
  const std::string stage =
      "mov.u32 %r1, tile;\nshr.u32 %r2, %r0, 1;\nand.b32 %r3, %r0, 1;\nshr.u32 %r4, %r2, 2;\nand.b32 %r4, "
      "%r4, 1;\n"
      "xor.b32 %r4, %r3, %r4;\nmad.lo.u32 %r5, %r2, 32, %r1;\nmad.lo.u32 %r5, %r4, 16, %r5;\n"
      "mul.wide.u32 %rd1, %r0, 16;\nadd.s64 %rd1, %rd0, %rd1;\n"
      "cp.async.cg.shared.global [%r5], [%rd1], 16;\n"
      // B by half of the lanes with ordinary accesses, 16 bytes a row, behind A.
      "setp.lt.u32 %p0, %r0, 16;\n@%p0 ld.global.v4.u32 {%r20, %r21, %r22, %r23}, [%rd1+512];\n"
      "mad.lo.u32 %r6, %r0, 16, %r1;\n@%p0 st.shared.v4.u32 [%r6+512], {%r20, %r21, %r22, %r23};\n"
      "cp.async.wait_all;\nbar.sync 0;\n"
      // ldmatrix: row lane % 16, half lane / 16, where the swizzle put it.
      "and.b32 %r2, %r0, 15;\nshr.u32 %r3, %r0, 4;\n";
  const auto body = [&](const std::string& half, const std::string& b_form) {
    return stage + half +
           "mad.lo.u32 %r5, %r2, 32, %r1;\nmad.lo.u32 %r5, %r3, 16, %r5;\n"
           "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r5];\n"
           "mad.lo.u32 %r6, %r2, 16, %r1;\n"
           "ldmatrix.sync.aligned.m8n8.x2" +
           b_form +
           ".shared.b16 {%r14, %r15}, [%r6+512];\n"
           "mov.b32 %r30, 0;\n"
           "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r40, %r41, %r42, %r43}, {%r10, %r11, %r12, "
           "%r13}, "
           "{%r14, %r15}, {%r30, %r30, %r30, %r30};\n";
  };
  const std::string swizzle = "shr.u32 %r4, %r2, 2;\nand.b32 %r4, %r4, 1;\nxor.b32 %r3, %r3, %r4;\n";
  const Outcome good = run(body(swizzle, ".trans"), words, declared);
  CHECK(good.findings.empty() && good.refusal.empty(),
        "cp.async, swizzle and ldmatrix.trans are right: " + good.refusal +
            (good.findings.empty() ? "" : softgpu::describe(good.findings.front())));
  const Outcome unswizzled = run(body("", ".trans"), words, declared);
  CHECK(unswizzled.findings.size() == 1 && unswizzled.found(Check::fragment), "a forgotten swizzle is found");
  const Outcome straight = run(body(swizzle, ""), words, declared);
  CHECK(straight.findings.size() == 1 && straight.found(Check::fragment), "a forgotten .trans is found");
  Run undeclared;
  CHECK(run(body("", ""), words, undeclared).findings.empty(), "without declarations nothing is claimed");
}

}  // namespace

int main() {
  setenv("SOFTGPU_QUIET", "1", 1);
  test_layouts();
  test_ldmatrix();
  test_hardware_sums();
  test_random_sums();
  test_integers();
  test_wmma();
  test_collective();
  test_refusals();
  test_declared_matrices();
  test_declared_through_shared();
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
