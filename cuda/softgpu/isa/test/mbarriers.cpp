// mbarrier (PTX ISA 9.7.13.15) in whole kernels: counts and phases, copies that arrive, and what must be
// reported.
#include <functional>

#include "kernel_run.h"
#include "values.h"

namespace softgpu::isa_test {

namespace {

const std::string kHead = ".shared .align 8 .b64 barrier; .shared .align 16 .b32 data[64];\n";
const std::string kStore = "mul.wide.u32 %rd0, %i, 8; add.u64 %rd0, %out, %rd0; st.global.u32 [%rd0], %r3;\n";

std::string initialised(const std::string& count) {
  return "setp.eq.u32 %p15, %thread, 0; @%p15 mbarrier.init.shared.b64 [barrier], " + count +
         "; bar.sync 0;\n";
}
std::string arrive_and_wait(const std::string& arrive, const std::string& label) {
  return arrive + "\n" + label + ": mbarrier.test_wait.shared.b64 %p0, [barrier], %rd5; @!%p0 bra " + label +
         ";\n";
}

void expect_cells(Report& report, const std::string& what, const std::string& body, std::uint32_t threads,
                  const std::vector<Bits>& in, const std::function<Bits(std::uint32_t)>& value) {
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    const KernelRun run = run_kernel(kHead, body + kStore, 1, threads, in, threads, seed);
    if (run.code != 0 || !run.findings.empty()) return report.fail(what + ": " + run.summary());
    for (std::uint32_t i = 0; i < threads; ++i) {
      if (run.cells[i] != value(i) || run.defined[i] != 0xff) {
        return report.fail(what + ": thread " + std::to_string(i) + " expected " + hex(value(i)) + ", got " +
                           hex(run.cells[i]));
      }
    }
    report.pass();
  }
}

void expect_finding(Report& report, const std::string& what, const std::string& body, Check check,
                    std::uint32_t threads = 1) {
  const KernelRun run = run_kernel(kHead, body + "mov.u32 %r3, 1;\n" + kStore, 1, threads, {}, threads);
  if (run.code == 0 || !run.found(check)) return report.fail(what + ": " + run.summary());
  report.pass();
}

const std::string kExchange =
    "mul.lo.u32 %r1, %thread, 4; mov.u32 %r2, data; add.u32 %r1, %r1, %r2; st.shared.u32 [%r1], %thread;\n";
const std::string kRead =
    "sub.u32 %r4, 63, %thread; mul.lo.u32 %r4, %r4, 4; add.u32 %r4, %r4, %r2; ld.shared.u32 %r3, [%r4];\n";

void right_use(Report& report) {
  expect_cells(report, "two phases order stores and loads",
               initialised("64") + kExchange +
                   arrive_and_wait("mbarrier.arrive.shared.b64 %rd5, [barrier];", "A") + kRead +
                   arrive_and_wait("mbarrier.arrive.release.cta.shared::cta.b64 %rd5, [barrier];", "B") +
                   "st.shared.u32 [%r1], 7;\n",
               64, {}, [](std::uint32_t i) { return Bits{63 - i}; });
  expect_cells(report, "generic addresses and parity",
               initialised("64") + kExchange +
                   "mov.u64 %rd6, barrier; cvta.shared.u64 %rd6, %rd6; mbarrier.arrive.b64 _, [%rd6];\n"
                   "A: mbarrier.test_wait.parity.b64 %p0, [%rd6], 0; @!%p0 bra A;\n" +
                   kRead,
               64, {}, [](std::uint32_t i) { return Bits{63 - i}; });
  expect_cells(report, "counts before an arrival, .noComplete and drops",
               "mbarrier.init.shared.b64 [barrier], 10; mbarrier.arrive.noComplete.shared.b64 %rd5, "
               "[barrier], 4; mbarrier.arrive_drop.noComplete.shared.b64 %rd6, [barrier], 5; "
               "mbarrier.arrive.shared.b64 %rd7, [barrier]; mbarrier.arrive.noComplete.shared.b64 %rd8, "
               "[barrier], 2; mbarrier.pending_count.b64 %r4, %rd5; mbarrier.pending_count.b64 %r5, %rd6; "
               "mbarrier.pending_count.b64 %r6, %rd8; mul.lo.u32 %r3, %r4, 100; add.u32 %r3, %r3, %r5; "
               "mul.lo.u32 %r3, %r3, 100; add.u32 %r3, %r3, %r6; mbarrier.inval.shared.b64 [barrier]; "
               "st.shared.u32 [barrier], %r3;\n",
               1, {}, [](std::uint32_t) { return Bits{100605}; });
  std::vector<Bits> in(64);
  for (std::uint32_t i = 0; i < 64; ++i) in[i] = 3 * i + 1;
  for (const std::string counted : {"", ".noinc"}) {
    const bool extra = !counted.empty();
    expect_cells(report, "cp.async.mbarrier.arrive" + counted,
                 initialised(extra ? "128" : "64") +
                     "mul.lo.u32 %r1, %thread, 4; mov.u32 %r2, data; add.u32 %r1, %r1, %r2; mul.wide.u32 "
                     "%rd1, %thread, 8; add.u64 %rd1, %in, %rd1; cp.async.ca.shared.global [%r1], [%rd1], 4; "
                     "cp.async.mbarrier.arrive" +
                     counted + ".shared.b64 [barrier];\n" +
                     arrive_and_wait("mbarrier.arrive.shared.b64 %rd5, [barrier];", "A") + kRead,
                 64, in, [](std::uint32_t i) { return Bits{3 * (63 - i) + 1}; });
  }
}

void wrong_use(Report& report) {
  const std::string init = "mbarrier.init.shared.b64 [barrier], ";
  expect_finding(report, "a count of 0", init + "0;\n", Check::barrier);
  expect_finding(report, "a count of 2^20", init + "1048576;\n", Check::barrier);
  expect_finding(report, "use before init", "mbarrier.arrive.shared.b64 %rd5, [barrier];\n", Check::barrier);
  expect_finding(report, "init twice", init + "1;\n" + init + "1;\n", Check::barrier);
  expect_finding(report, "more arrivals than pending",
                 init + "3; mbarrier.arrive.noComplete.shared.b64 %rd5, [barrier], 4;\n", Check::barrier);
  expect_finding(report, ".noComplete that completes",
                 init + "3; mbarrier.arrive.noComplete.shared.b64 %rd5, [barrier], 3;\n", Check::barrier);
  expect_finding(report, "a phase long over",
                 init +
                     "1; mbarrier.arrive.shared.b64 %rd5, [barrier]; mbarrier.arrive.shared.b64 _, "
                     "[barrier]; mbarrier.test_wait.shared.b64 %p0, [barrier], %rd5;\n",
                 Check::barrier);
  expect_finding(report, "a load of its word", init + "1; ld.shared.u32 %r4, [barrier];\n", Check::barrier);
  expect_finding(report, "a store to its word", init + "1; st.shared.u32 [barrier+4], 0;\n", Check::barrier);
  expect_finding(report, "a state nobody wrote",
                 init + "1; mbarrier.test_wait.shared.b64 %p0, [barrier], %rd9;\n", Check::uninitialised);
  expect_finding(report, "global memory", "mbarrier.inval.b64 [%out];\n", Check::address_space);
  expect_finding(report, "arrival without a wait",
                 initialised("64") + kExchange + "mbarrier.arrive.shared.b64 _, [barrier];\n" + kRead,
                 Check::race, 64);
  expect_finding(report, "init with no barrier after it",
                 "setp.eq.u32 %p15, %thread, 0; @%p15 mbarrier.init.shared.b64 [barrier], 64; "
                 "mbarrier.arrive.shared.b64 _, [barrier];\n",
                 Check::race, 32);
}

}  // namespace

void test_mbarriers(Report& report) {
  right_use(report);
  wrong_use(report);
}

}  // namespace softgpu::isa_test
