// mma, ldmatrix, movmatrix and wmma: layouts against tables written by others, integers, what is refused.
//   matrix_test        prints "N passed, M failed"
#include "test/matrix_run.h"

namespace softgpu::matrix_test {
namespace {

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

}  // namespace
}  // namespace softgpu::matrix_test

int main() {
  using namespace softgpu::matrix_test;
  setenv("SOFTGPU_QUIET", "1", 1);
  test_layouts();
  test_ldmatrix();
  test_integers();
  test_wmma();
  test_refusals();
  return report_totals();
}
