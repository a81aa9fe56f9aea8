// What the checks say of mma: lanes that are missing, registers that nobody wrote, fragments whose elements
// do not belong together; and what they must not say of right products.
//   fragments_test        prints "N passed, M failed"
#include "test/matrix_run.h"

namespace softgpu::matrix_test {
namespace {

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
}  // namespace softgpu::matrix_test

int main() {
  using namespace softgpu::matrix_test;
  setenv("SOFTGPU_QUIET", "1", 1);
  test_collective();
  test_declared_matrices();
  test_declared_through_shared();
  return report_totals();
}
