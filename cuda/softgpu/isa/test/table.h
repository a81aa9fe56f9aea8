// Table-driven tests of single instructions: a row is the text of an instruction, the edge values of its
// operands and what PTX defines; every combination of values is run and compared bit for bit.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "exact.h"

namespace softgpu::isa_test {

inline constexpr int kPredicate = 1;

/// A source register, %a, %b, %c, %f in order: bytes (kPredicate: a predicate) and the values it takes.
struct Operand {
  int bytes;
  std::vector<Bits> values;
};

/// The text may use results %d, %e, %g, %h, the operands and temporaries %t16, %t32, %t64, %tp
/// (and a second of each, %u16 ...), and each thread's 16 bytes of memory [%global], [%shared], [own_local].
struct Row {
  std::string text;
  std::vector<int> results;  ///< bytes of %d, %e ... or kPredicate
  std::vector<Operand> operands;
  std::function<void(const Bits* in, Bits* out)> reference;
  /// Where the manual leaves room: whether `got` is one of the results it allows. Empty: only the expected.
  std::function<bool(const Bits* in, Bits expected, Bits got)> accepts;
  bool perturb = false;            ///< with SOFTGPU_APPROXIMATE=perturbed
  bool strict_in_operands = true;  ///< a result is undefined if any operand is
};

class Report {
 public:
  void pass() { ++passed_; }
  /// Prints what failed.
  void fail(const std::string& what);
  void expect(bool holds, const std::string& what) { holds ? pass() : fail(what); }
  std::uint64_t passed() const { return passed_; }
  std::uint64_t failed() const { return failed_; }

 private:
  std::uint64_t passed_ = 0, failed_ = 0;
};

/// Runs every combination of the row's values: by all lanes, guarded, in a diverged branch, and with operands
/// nobody wrote.
void run(const Row& row, Report& report);
/// The kernel that `run` executes, for an assembler to check that the row is PTX.
std::string kernel_text(const Row& row, const std::string& name);
/// What stands before the kernels of a module.
std::string module_head(bool with_memory);

std::vector<Row> integer_rows();
std::vector<Row> bit_rows();
std::vector<Row> floating_rows();
std::vector<Row> half_rows();
std::vector<Row> convert_rows();
std::vector<Row> compare_rows();
std::vector<Row> move_rows();
std::vector<Row> approximate_rows();
std::vector<Row> memory_rows();
std::vector<Row> atomic_rows();

/// Shorthands for the tables.
std::string hex(Bits bits);
inline Bits low_bits(Bits value, int bytes) {
  return bytes >= 8 ? value : value & ((Bits{1} << (8 * bytes)) - 1);
}
inline I128 as_signed(Bits value, int bytes) {
  const int bits = 8 * bytes;
  const I128 whole = static_cast<I128>(low_bits(value, bytes));
  return (value >> (bits - 1) & 1) != 0 ? whole - (I128{1} << bits) : whole;
}

/// An integer type of PTX.
struct Integer {
  const char* name;
  int bytes;
  bool is_signed;
  I128 value(Bits bits) const {
    return is_signed ? as_signed(bits, bytes) : static_cast<I128>(low_bits(bits, bytes));
  }
  I128 least() const { return is_signed ? -(I128{1} << (8 * bytes - 1)) : 0; }
  I128 most() const { return (I128{1} << (8 * bytes - (is_signed ? 1 : 0))) - 1; }
};
inline constexpr Integer kIntegers[] = {{"u16", 2, false}, {"s16", 2, true},  {"u32", 4, false},
                                        {"s32", 4, true},  {"u64", 8, false}, {"s64", 8, true}};
inline constexpr Integer kU32 = kIntegers[2], kS32 = kIntegers[3];

}  // namespace softgpu::isa_test
