// Each instruction against its definition in the PTX ISA manual (9.0), on edge values.
//
// References share nothing with the machine (test/exact.h: floating point on integers). They were written
// from knowledge of the manual, without a copy at hand: section numbers, bounds and rules for special values
// are quoted from memory. Where the manual leaves a result open, the row accepts what it allows or says what
// was chosen.
//   instructions_test               runs everything: failing rows, then the counts; exit code 1 if any failed
//   instructions_test NAME          only rows whose text contains NAME; "kernels": what is not in the tables
//   instructions_test --ptx         prints every row as a kernel, for `ptxas -arch=sm_90` to check that it is
//                                   legal; sm_90 because sm_80 lacks some bf16 and .xorsign forms
#include <cstdio>
#include <cstdlib>
#include <string>

#include "test/kernel_run.h"
#include "test/table.h"

using namespace softgpu::isa_test;

int main(int count, char** arguments) {
  std::vector<Row> rows;
  for (auto* family : {integer_rows, bit_rows, floating_rows, half_rows, convert_rows, compare_rows,
                       move_rows, approximate_rows, memory_rows, atomic_rows}) {
    for (Row& each : family()) rows.push_back(std::move(each));
  }
  const std::string argument = count > 1 ? arguments[1] : "";
  if (argument == "--ptx") {
    std::printf("%s", module_head(true).c_str());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::printf("// %s\n%s", rows[i].text.c_str(), kernel_text(rows[i], "row" + std::to_string(i)).c_str());
    }
    return 0;
  }
  setenv("SOFTGPU_QUIET", "1", 0);  // findings that are expected need not be printed
  Report report;
  for (const Row& row : rows) {
    if (row.text.find(argument) != std::string::npos) run(row, report);
  }
  if (argument.empty() || argument == "kernels") {
    test_collectives(report);
    test_control(report);
    test_mbarriers(report);
  }
  std::printf("%llu passed, %llu failed\n", static_cast<unsigned long long>(report.passed()),
              static_cast<unsigned long long>(report.failed()));
  return report.failed() == 0 ? 0 : 1;
}
