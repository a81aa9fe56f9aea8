// A100's sums bit for bit: examples worked by hand from the papers, random sums against a model in real
// numbers written from them; and the f32 chain.
//   tensor_core_test        prints "N passed, M failed"
#include "test/matrix_run.h"

namespace softgpu::matrix_test {
namespace {

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

}  // namespace
}  // namespace softgpu::matrix_test

int main() {
  using namespace softgpu::matrix_test;
  setenv("SOFTGPU_QUIET", "1", 1);
  test_hardware_sums();
  test_random_sums();
  return report_totals();
}
