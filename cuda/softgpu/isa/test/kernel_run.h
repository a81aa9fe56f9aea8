// Whole kernels for what a table of lanes cannot hold: instructions that cross lanes, move control or must be
// reported.
#pragma once

#include <string>
#include <vector>

#include "../../check/finding.h"
#include "table.h"

namespace softgpu::isa_test {

struct KernelRun {
  int code = 0;
  std::vector<Finding> findings;
  std::vector<Bits> cells;            ///< what %out points to, 0 at first
  std::vector<std::uint8_t> defined;  ///< of each cell's first byte
  bool found(Check check) const;
  std::string summary() const;
};

/// Runs `body` in a kernel that has %thread (thread in its block), %block, %i (thread in its grid), %in and
/// %out (pointers to 64-bit cells), registers %r0..31, %rd0..31, %h0..7 (16 bits), %p0..15. `head` stands
/// before it.
KernelRun run_kernel(const std::string& head, const std::string& body, std::uint32_t blocks,
                     std::uint32_t threads, const std::vector<Bits>& in, std::size_t cells,
                     std::uint64_t seed = 0);

void test_collectives(Report& report);
void test_control(Report& report);
void test_mbarriers(Report& report);

}  // namespace softgpu::isa_test
