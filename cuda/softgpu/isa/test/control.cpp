// Control flow and what must be reported (PTX ISA 9.7.12, 9.7.13): branches, calls, barriers with reductions,
// address spaces, asynchronous groups, special registers; undefined values and operands without a result.
#include "kernel_run.h"
#include "values.h"

namespace softgpu::isa_test {

namespace {

/// %r3 to cell %i.
const std::string kStore = "mul.wide.u32 %rd0, %i, 8; add.u64 %rd0, %out, %rd0; st.global.u32 [%rd0], %r3;\n";

void expect_cells(Report& report, const std::string& what, const KernelRun& run,
                  const std::function<Bits(std::uint32_t)>& value) {
  if (run.code != 0 || !run.findings.empty()) return report.fail(what + ": " + run.summary());
  for (std::uint32_t i = 0; i < run.cells.size(); ++i) {
    if (run.cells[i] != value(i) || run.defined[i] != 0xff) {
      return report.fail(what + ": thread " + std::to_string(i) + " expected " + hex(value(i)) + ", got " +
                         hex(run.cells[i]));
    }
  }
  report.pass();
}

void branches(Report& report) {
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    expect_cells(report, "brx.idx",
                 run_kernel("",
                            "ts: .branchtargets A, B, C; rem.u32 %r0, %thread, 3; brx.idx %r0, ts;\n"
                            "C: mov.u32 %r3, 30; bra JOIN; A: mov.u32 %r3, 10; bra JOIN; B: mov.u32 %r3, 20; "
                            "JOIN: add.u32 %r3, %r3, %thread;\n" +
                                kStore,
                            1, 64, {}, 64, seed),
                 [](std::uint32_t i) { return Bits{10 * (i % 3 + 1) + i}; });
    expect_cells(
        report, "loops of different lengths",
        run_kernel("",
                   "mov.u32 %r3, 0; mov.u32 %r0, 0; TOP: setp.gt.u32 %p0, %r0, %thread; @%p0 bra END; "
                   "add.u32 %r3, %r3, %r0; add.u32 %r0, %r0, 1; bra TOP; END:\n" +
                       kStore,
                   2, 64, {}, 128, seed),
        [](std::uint32_t i) { return Bits{(i % 64) * (i % 64 + 1) / 2}; });
    expect_cells(
        report, "a guarded exit and a guarded ret",
        run_kernel("",
                   "mov.u32 %r3, 7;\n" + kStore +
                       "setp.lt.u32 %p0, %thread, 10; @%p0 exit; setp.gt.u32 %p1, %thread, 20; @%p1 ret; "
                       "mov.u32 %r3, 8;\n" +
                       kStore,
                   1, 40, {}, 40, seed),
        [](std::uint32_t i) { return Bits{i < 10 || i > 20 ? 7u : 8u}; });
  }
}

const std::string kFunctions =
    ".visible .func (.param .b32 r) triple(.param .b32 a)\n{ .reg .b32 %x; ld.param.u32 %x, [a]; mul.lo.u32 "
    "%x, %x, 3; st.param.b32 [r], %x; ret; }\n"
    ".visible .func (.param .b32 r) square(.param .b32 a)\n{ .reg .b32 %x; ld.param.u32 %x, [a]; mul.lo.u32 "
    "%x, %x, %x; st.param.b32 [r], %x; ret; }\n"
    ".visible .func (.param .b32 r) fibonacci(.param .b32 a)\n{ .reg .b32 %x, %y, %z; .reg .pred %p; .param "
    ".b32 q; .param .b32 s;\n"
    "ld.param.u32 %x, [a]; setp.lt.u32 %p, %x, 2; @%p bra DONE;\n"
    "sub.u32 %y, %x, 1; st.param.b32 [q], %y; call.uni (s), fibonacci, (q); ld.param.b32 %y, [s];\n"
    "sub.u32 %z, %x, 2; st.param.b32 [q], %z; call.uni (s), fibonacci, (q); ld.param.b32 %z, [s]; add.u32 "
    "%x, %y, %z;\n"
    "DONE: st.param.b32 [r], %x; ret; }\n";

void calls(Report& report) {
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    expect_cells(
        report, "a direct call under a guard",
        run_kernel(
            kFunctions,
            ".param .b32 q; .param .b32 s; mov.u32 %r3, %thread; setp.lt.u32 %p0, %thread, 9; @!%p0 bra "
            "SKIP; st.param.b32 [q], %thread; call (s), triple, (q); ld.param.b32 %r3, [s]; SKIP:\n" +
                kStore,
            1, 32, {}, 32, seed),
        [](std::uint32_t i) { return Bits{i < 9 ? 3 * i : i}; });
    expect_cells(
        report, "an indirect call with two targets in a warp",
        run_kernel(
            kFunctions,
            ".param .b32 q; .param .b32 s; P: .callprototype (.param .b32 _) _ (.param .b32 _);\n"
            "mov.u64 %rd1, triple; mov.u64 %rd2, square; and.b32 %r0, %thread, 1; setp.ne.u32 %p0, %r0, "
            "0; selp.b64 %rd1, %rd1, %rd2, %p0;\n"
            "st.param.b32 [q], %thread; call (s), %rd1, (q), P; ld.param.b32 %r3, [s];\n" +
                kStore,
            1, 64, {}, 64, seed),
        [](std::uint32_t i) { return Bits{(i & 1) != 0 ? 3 * i : i * i}; });
    expect_cells(
        report, "recursion of different depths",
        run_kernel(kFunctions,
                   ".param .b32 q; .param .b32 s; rem.u32 %r0, %thread, 9; st.param.b32 [q], %r0; call "
                   "(s), fibonacci, (q); ld.param.b32 %r3, [s];\n" +
                       kStore,
                   1, 32, {}, 32, seed),
        [](std::uint32_t i) {
          constexpr Bits kFibonacci[] = {0, 1, 1, 2, 3, 5, 8, 13, 21};
          return kFibonacci[i % 9];
        });
  }
}

/// Parameters of every width, a struct by value with loads at offsets into it, two results' worth in one
/// struct.
void parameters(Report& report) {
  const std::string head =
      ".visible .func (.param .align 16 .b8 r[16]) mix(.param .b32 a, .param .b64 b, .param .align 16 .b8 "
      "c[24])\n"
      "{ .reg .b32 %x, %y, %z, %w, %s; .reg .b64 %l; .reg .b16 %h;\n"
      "ld.param.u16 %h, [a]; cvt.u32.u16 %x, %h; ld.param.b64 %l, [b]; cvt.u32.u64 %y, %l;\n"
      "ld.param.s8 %s, [c+20]; ld.param.v2.b32 {%z, %w}, [c+8]; add.u32 %x, %x, %s; add.u32 %z, %z, %w;\n"
      "ld.param.v4.b16 {%h, _, _, _}, [c]; cvt.u32.u16 %w, %h;\n"
      "st.param.v4.b32 [r], {%x, %y, %z, %w}; ret; }\n";
  const std::string body =
      ".param .b32 p; .param .b64 q; .param .align 16 .b8 s[24]; .param .align 16 .b8 t[16];\n"
      "add.u32 %r0, %thread, 0x50000; st.param.b32 [p], %r0; mov.u64 %rd1, 0x700000009; st.param.b64 [q], "
      "%rd1;\n"
      "mul.lo.u32 %r1, %thread, 7; mov.u32 %r2, 100; mov.u32 %r5, 0x2000b; st.param.v4.b32 [s], {%r5, %r1, "
      "%r2, %r1};\n"
      "mov.u32 %r4, 0xfe; st.param.b8 [s+20], %r4;\n"
      "call (t), mix, (p, q, s); ld.param.v4.b32 {%r10, %r11, %r12, %r13}, [t];\n"
      "mad.lo.u32 %r3, %r11, 1000, %r10; mad.lo.u32 %r3, %r12, 100000, %r3; add.u32 %r3, %r3, %r13;\n";
  for (const std::uint64_t seed : {0, 1, 2}) {
    expect_cells(report, "parameters of every width", run_kernel(head, body + kStore, 1, 32, {}, 32, seed),
                 [](std::uint32_t i) {
                   // a's low half + (s8)0xfe; b's low word; words 2 and 3 of c; c's low half.
                   return ((i - 2) + 9 * 1000 + (100 + 7 * i) * 100000 + 11) & 0xffffffff;
                 });
  }
}

void barriers(Report& report) {
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    expect_cells(
        report, "bar.red.popc",
        run_kernel(
            "", "rem.u32 %r0, %thread, 3; setp.eq.u32 %p0, %r0, 1; bar.red.popc.u32 %r3, 0, %p0;\n" + kStore,
            1, 100, {}, 100, seed),
        [](std::uint32_t) { return Bits{33}; });
    expect_cells(
        report, "bar.red.and and .or, negated",
        run_kernel("",
                   "setp.lt.u32 %p0, %thread, 99; bar.red.and.pred %p1, 1, %p0; bar.red.or.pred %p2, "
                   "2, !%p0; barrier.red.or.pred %p3, 3, %p0; selp.u32 %r3, 1, 0, %p1; @%p2 add.u32 "
                   "%r3, %r3, 2; @%p3 add.u32 %r3, %r3, 4;\n" +
                       kStore,
                   1, 100, {}, 100, seed),
        [](std::uint32_t) { return Bits{6}; });
    expect_cells(report, "bar.arrive and bar.sync with a count",
                 run_kernel(".shared .b32 box[64];\n",
                            "setp.lt.u32 %p0, %thread, 32; @!%p0 bra CONSUMER; mov.u32 %r0, box; mad.lo.u32 "
                            "%r0, %thread, 4, %r0; "
                            "mul.lo.u32 %r1, %thread, 5; st.shared.u32 [%r0], %r1; mov.u32 %r3, 0; "
                            "bar.arrive 4, 64; bra JOIN;\n"
                            "CONSUMER: bar.sync 4, 64; mov.u32 %r0, box; sub.u32 %r1, 63, %thread; "
                            "mad.lo.u32 %r0, %r1, 4, %r0; "
                            "ld.shared.u32 %r3, [%r0]; JOIN:\n" +
                                kStore,
                            1, 64, {}, 64, seed),
                 [](std::uint32_t i) { return Bits{i < 32 ? 0 : 5 * (63 - i)}; });
  }
}

/// isspacep on an address of each space, and cvta there and back.
void address_spaces(Report& report) {
  const std::string addresses =
      "mov.u64 %rd1, box; cvta.shared.u64 %rd2, %rd1; cvta.to.shared.u64 %rd3, %rd2; mov.u64 %rd4, own; "
      "cvta.local.u64 %rd5, %rd4; cvta.to.local.u64 %rd6, %rd5; mov.u64 %rd7, cell; cvta.global.u64 %rd8, "
      "%rd7; cvta.to.global.u64 %rd9, %rd8;\n";
  std::string body = ".local .b32 own[4]; mov.u32 %r3, 0;\n" + addresses;
  Bits expected = 0;
  int bit = 0;
  const auto add = [&](const std::string& test, bool holds) {
    body += test + " @%p0 or.b32 %r3, %r3, " + std::to_string(1u << bit) + ";\n";
    expected |= holds ? Bits{1} << bit : 0;
    ++bit;
  };
  for (const auto& [space, own] : {std::pair{"shared", "%rd2"}, {"local", "%rd5"}, {"global", "%rd8"}}) {
    for (const char* address : {"%rd2", "%rd5", "%rd8"})
      add(std::string("isspacep.") + space + " %p0, " + address + ";", address == std::string(own));
  }
  add("isspacep.const %p0, %rd8;", false);
  add("cvta.const.u64 %rd10, table; isspacep.const %p0, %rd10;", true);
  add("setp.eq.u64 %p0, %rd1, %rd3;", true);
  add("setp.eq.u64 %p0, %rd4, %rd6;", true);
  add("setp.eq.u64 %p0, %rd7, %rd9;", true);
  add("setp.eq.u64 %p0, %rd2, 0;", false);
  add("ld.const.u32 %r5, [table+4]; setp.eq.u32 %p0, %r5, 22;", true);
  add("ld.u32 %r5, [%rd10+8]; setp.eq.u32 %p0, %r5, 33;", true);
  add("ld.const.v2.u32 {%r5, %r6}, [table+8]; setp.eq.u32 %p0, %r6, 0xffffffff;", true);
  add("ld.const.s8 %rd11, [table+12]; setp.eq.s64 %p0, %rd11, -1;", true);
  expect_cells(
      report, "isspacep, cvta, constants",
      run_kernel(
          ".shared .b32 box[4]; .global .b32 cell; .const .align 8 .b32 table[4] = {11, 22, 33, -1};\n",
          body + kStore, 1, 32, {}, 32),
      [&](std::uint32_t) { return expected; });
}

/// wait_group n leaves the n newest groups; before its wait a copy's bytes are in flight.
void async_groups(Report& report) {
  const std::string copies =
      "mov.u32 %r1, box; mad.lo.u32 %r1, %thread, 48, %r1; mul.wide.u32 %rd1, %thread, 48; add.u64 %rd1, "
      "%in, "
      "%rd1;\n"
      "cp.async.cg.shared.global [%r1], [%rd1], 16; cp.async.commit_group; cp.async.cg.shared.global "
      "[%r1+16], [%rd1+16], 16; cp.async.commit_group;\n"
      "cp.async.commit_group; cp.async.ca.shared.global [%r1+32], [%rd1+32], 8; cp.async.commit_group;\n";
  std::vector<Bits> in(32 * 6);
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = i + 1;
  const std::string head = ".shared .align 16 .b8 box[1536];\n";
  for (const std::uint64_t seed : {0, 1, 2, 3, 4}) {
    for (int offset = 0; offset < 3; ++offset) {
      for (int left = 0; left < 5; ++left) {
        const bool arrived = left <= 3 - (offset == 2 ? 3 : offset);  // groups: 0, 1, (empty), 3
        const KernelRun run =
            run_kernel(head,
                       copies + "cp.async.wait_group " + std::to_string(left) + "; ld.shared.u32 %r3, [%r1+" +
                           std::to_string(16 * offset) + "];\n" + kStore,
                       1, 32, in, 32, seed);
        const std::string what =
            "cp.async.wait_group " + std::to_string(left) + ", copy " + std::to_string(offset);
        if (arrived) {
          expect_cells(report, what, run, [&](std::uint32_t i) {
            return Bits{6 * i + 2 * static_cast<std::uint32_t>(offset) + 1};
          });
        } else {
          report.expect(run.found(Check::async_copy), what + " reads what is in flight: " + run.summary());
        }
      }
    }
  }
  const KernelRun run =
      run_kernel(head, "mov.u32 %r1, box; cp.async.ca.shared.global [%r1], [%in], 4, 8; cp.async.wait_all;",
                 1, 1, in, 1);
  report.expect(run.code != 0 && run.found(Check::async_copy),
                "cp.async that reads more than it writes: " + run.summary());
}

void special_registers(Report& report) {
  const std::pair<const char*, std::function<Bits(std::uint32_t)>> registers[] = {
      {"%tid.x", [](std::uint32_t i) { return Bits{i % 48}; }},
      {"%ntid.x", [](std::uint32_t) { return Bits{48}; }},
      {"%tid.y", [](std::uint32_t) { return Bits{0}; }},
      {"%ctaid.x", [](std::uint32_t i) { return Bits{i / 48}; }},
      {"%nctaid.x", [](std::uint32_t) { return Bits{3}; }},
      {"%nctaid.z", [](std::uint32_t) { return Bits{1}; }},
      {"%laneid", [](std::uint32_t i) { return Bits{i % 48 % 32}; }},
      {"%warpid", [](std::uint32_t i) { return Bits{i % 48 / 32}; }},
      {"%lanemask_eq", [](std::uint32_t i) { return Bits{1} << i % 48 % 32; }},
      {"%lanemask_lt", [](std::uint32_t i) { return (Bits{1} << i % 48 % 32) - 1; }},
      {"%lanemask_le", [](std::uint32_t i) { return (Bits{2} << i % 48 % 32) - 1; }},
      {"%lanemask_gt", [](std::uint32_t i) { return 0xffffffff & ~((Bits{2} << i % 48 % 32) - 1); }},
      {"%lanemask_ge", [](std::uint32_t i) { return 0xffffffff & ~((Bits{1} << i % 48 % 32) - 1); }}};
  for (const auto& [name, value] : registers) {
    expect_cells(report, name,
                 run_kernel("", std::string("mov.u32 %r3, ") + name + ";\n" + kStore, 3, 48, {}, 144), value);
  }
}

void reports(Report& report) {
  const auto expect = [&](const std::string& what, Check check, const KernelRun& run) {
    report.expect(run.found(check), what + ": " + run.summary());
  };
  const auto quiet = [&](const std::string& what, const KernelRun& run) {
    report.expect(run.code == 0 && run.findings.empty(), what + ": " + run.summary());
  };
  expect("an address nobody wrote", Check::uninitialised,
         run_kernel("", "and.b64 %rd1, %rd2, 0; add.u64 %rd1, %rd1, %out; ld.global.u32 %r0, [%rd1];", 1, 32,
                    {}, 1));
  expect("a branch on a predicate nobody wrote", Check::uninitialised,
         run_kernel("", "setp.eq.u32 %p0, %r7, %r7; @%p0 bra END; END:", 1, 32, {}, 1));
  expect(
      "brx.idx by an index nobody wrote", Check::uninitialised,
      run_kernel("", "ts: .branchtargets A, B; and.b32 %r0, %r1, 1; brx.idx %r0, ts; A: B:", 1, 32, {}, 1));
  expect("an indirect call through a pointer nobody wrote", Check::uninitialised,
         run_kernel(kFunctions,
                    ".param .b32 q; .param .b32 s; P: .callprototype (.param .b32 _) _ (.param .b32 _); "
                    "mov.u64 %rd1, triple; xor.b64 %rd3, %rd2, %rd2; or.b64 %rd1, %rd1, %rd3; st.param.b32 "
                    "[q], %thread; call (s), %rd1, (q), P;",
                    1, 32, {}, 1));
  quiet("fences and pauses",
        run_kernel(
            "",
            "membar.cta; membar.gl; membar.sys; fence.acq_rel.cta; fence.sc.gpu; fence.acq_rel.sys; "
            "nanosleep.u32 20; bar.warp.sync 0xffffffff; bar.sync 0; barrier.sync 1; "
            "bra.uni NEXT; NEXT: mov.u32 %r3, %clock; mov.u64 %rd1, %clock64; mov.u64 %rd1, %globaltimer;\n" +
                kStore,
            1, 64, {}, 64));
  quiet("a value nobody wrote, not used",
        run_kernel("",
                   "add.u32 %r1, %r0, 1; mov.u32 %r2, %r1; setp.eq.u32 "
                   "%p0, %thread, %thread; selp.u32 %r3, %thread, %r2, %p0;\n" +
                       kStore,
                   1, 32, {}, 32));
  for (const std::string type : {"u16", "s16", "u32", "s32", "u64", "s64"}) {
    const std::string bits = type.substr(1), registers = bits == "16" ? "%h" : bits == "32" ? "%r" : "%rd";
    for (const std::string name : {"div.", "rem."}) {
      expect(name + type + " by zero", Check::arithmetic,
             run_kernel("",
                        "mov.b" + bits + " " + registers + "0, 5; mov.b" + bits + " " + registers + "1, 0; " +
                            name + type + " " + registers + "2, " + registers + "0, " + registers + "1;",
                        1, 32, {}, 1));
    }
  }
  expect("trap", Check::trap, run_kernel("", "trap;", 1, 32, {}, 1));
  expect("a misaligned vector", Check::alignment,
         run_kernel("", "ld.global.v2.u32 {%r0, %r1}, [%out+4];", 1, 1, {}, 4));
  expect("a load past the end", Check::bounds, run_kernel("", "ld.global.u32 %r0, [%out+8];", 1, 1, {}, 1));
  expect("an index beyond brx.idx' targets", Check::bounds,
         run_kernel("", "ts: .branchtargets A, B; mov.u32 %r0, 2; brx.idx %r0, ts; A: B:", 1, 32, {}, 1));
  // The flag of .cc is a register like any other.
  const KernelRun run = run_kernel("", "addc.u32 %r3, %thread, 0;\n" + kStore, 1, 32, {}, 32);
  report.expect(run.code == 0 && run.defined[0] == 0, "a carry nobody wrote makes its sum one");
}

}  // namespace

void test_control(Report& report) {
  branches(report);
  calls(report);
  parameters(report);
  barriers(report);
  address_spaces(report);
  async_groups(report);
  special_registers(report);
  reports(report);
}

}  // namespace softgpu::isa_test
