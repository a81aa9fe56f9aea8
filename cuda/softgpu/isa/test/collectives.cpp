// shfl, vote, match, redux (PTX ISA 9.7.9 and 9.7.13) lane by lane: whole warps, two groups of a diverged
// warp with masks of their own, warps of which part has exited, values nobody wrote.
#include <functional>

#include "kernel_run.h"
#include "values.h"

namespace softgpu::isa_test {

namespace {

/// Who takes part: all lanes; even and odd lanes apart in two branches; the first 20 threads of a block.
enum class Group { whole, halves, partial };
constexpr Group kGroups[] = {Group::whole, Group::halves, Group::partial};
const char* name_of(Group group) {
  return group == Group::whole ? "whole warp" : group == Group::halves ? "two groups" : "20 lanes";
}

std::uint32_t members_of(Group group, std::uint32_t lane) {
  if (group == Group::halves) return (lane & 1) != 0 ? 0xaaaaaaaa : 0x55555555;
  return 0xffffffff;
}
/// Lanes of the mask that exist.
std::uint32_t present(Group group, std::uint32_t lane) {
  return members_of(group, lane) & (group == Group::partial ? 0xfffff : 0xffffffff);
}

/// The instruction with $m as its member mask, in each branch. `lines` loads its operands before and stores
/// results after.
std::string in_groups(Group group, const std::string& instruction) {
  const auto with = [&](const std::string& mask) {
    std::string text = instruction;
    for (std::size_t at; (at = text.find("$m")) != std::string::npos;) text.replace(at, 2, mask);
    return text;
  };
  if (group != Group::halves) return with("0xffffffff");
  return "and.b32 %r30, %thread, 1; setp.ne.u32 %p15, %r30, 0; @%p15 bra ODD;\n" + with("0x55555555") +
         "\nbra.uni JOIN;\nODD:\n" + with("0xaaaaaaaa") + "\nJOIN:\n";
}

/// %r0, %r1, %r2 hold cells 3i, 3i + 1, 3i + 2; results go to 2i (%r3) and 2i + 1 (%p0 as a number).
std::string framed(const std::string& text) {
  return "mul.wide.u32 %rd0, %i, 24; add.u64 %rd0, %in, %rd0;\n"
         "ld.global.u32 %r0, [%rd0]; ld.global.u32 %r1, [%rd0+8]; ld.global.u32 %r2, [%rd0+16]; "
         "ld.global.u64 %rd1, [%rd0];\n"
         "mov.u32 %r3, 0; setp.ne.u32 %p0, %r3, 0; setp.ne.u32 %p1, %r1, 0;\n" +
         text +
         "\nselp.u32 %r4, 1, 0, %p0; mul.wide.u32 %rd0, %i, 16; add.u64 %rd0, %out, %rd0;\n"
         "st.global.u32 [%rd0], %r3; st.global.u32 [%rd0+8], %r4;\n";
}

/// What a lane must get: value and predicate from the block's inputs [lane][3].
using Lane =
    std::function<std::pair<Bits, Bits>(std::uint32_t lane, std::uint32_t present, const Bits (*in)[3])>;

void check(Report& report, const std::string& instruction, Group group, std::uint32_t blocks,
           const std::function<Bits(std::uint32_t block, std::uint32_t lane, int k)>& value,
           const Lane& lane_result) {
  const std::uint32_t threads = group == Group::partial ? 20 : 32;
  std::vector<Bits> in(std::size_t{blocks} * threads * 3);
  for (std::size_t i = 0; i < in.size(); ++i) {
    in[i] = value(static_cast<std::uint32_t>(i / 3 / threads), static_cast<std::uint32_t>(i / 3 % threads),
                  static_cast<int>(i % 3));
  }
  const std::string what = instruction + " (" + name_of(group) + ")";
  const KernelRun run = run_kernel("", framed(in_groups(group, instruction)), blocks, threads, in,
                                   std::size_t{blocks} * threads * 2);
  if (run.code != 0 || !run.findings.empty()) return report.fail(what + ": " + run.summary());
  for (std::uint32_t block = 0; block < blocks; ++block) {
    for (std::uint32_t lane = 0; lane < threads; ++lane) {
      const std::size_t i = std::size_t{block} * threads + lane;
      const auto [d, p] =
          lane_result(lane, present(group, lane),
                      reinterpret_cast<const Bits(*)[3]>(&in[std::size_t{block} * threads * 3]));
      if (run.cells[2 * i] != d || run.cells[2 * i + 1] != p || run.defined[2 * i] != 0xff) {
        return report.fail(what + ": block " + std::to_string(block) + ", lane " + std::to_string(lane) +
                           ": a " + hex(in[3 * i]) + ", b " + hex(in[3 * i + 1]) + ", c " +
                           hex(in[3 * i + 2]) + ": expected " + hex(d) + " and " + hex(p) + ", got " +
                           hex(run.cells[2 * i]) + " and " + hex(run.cells[2 * i + 1]));
      }
    }
  }
  report.pass();
}

/// The manual's pseudo-code.
int source_lane(char mode, int lane, int b, int c, bool& in_range) {
  const int distance = b & 31, clamp = c & 31, segment = c >> 8 & 31;
  const int most = (lane & segment) | (clamp & ~segment), least = lane & segment;
  int j = 0;
  switch (mode) {
    case 'u':
      j = lane - distance;
      in_range = j >= most;
      break;
    case 'd':
      j = lane + distance;
      in_range = j <= most;
      break;
    case 'b':
      j = lane ^ distance;
      in_range = j <= most;
      break;
    default:
      j = least | (distance & ~segment);
      in_range = j <= most;
  }
  return in_range ? j : lane;
}

void shuffles(Report& report) {
  constexpr int kClamps[] = {0x1f,   0x1c1f, 0x181f, 0x101f, 0x1e1f, 0x1f1f, 0,
                             0x1c00, 0x1800, 0x1000, 7,      0x0803, 0x180f, 0x0c17};
  constexpr int kDistances[] = {0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 30, 31, 32, 33, 0xff};
  struct Form {
    const char* name;
    char mode;
  };
  for (const Form& form : {Form{"up", 'u'}, Form{"down", 'd'}, Form{"bfly", 'b'}, Form{"idx", 'i'}}) {
    for (const Group group : kGroups) {
      for (const bool with_predicate : {true, false}) {
        const int threads = group == Group::partial ? 20 : 32;
        // Only pairs whose sources are there: others are undefined and reported (below).
        std::vector<std::pair<int, int>> pairs;
        for (const int b : kDistances) {
          for (const int c : kClamps) {
            bool there = true;
            for (int lane = 0; lane < threads; ++lane) {
              bool in_range;
              const int j = source_lane(form.mode, lane, b, c, in_range);
              there = there && j >= 0 && j < 32 &&
                      (present(group, static_cast<std::uint32_t>(lane)) >> j & 1) != 0;
            }
            if (there) pairs.emplace_back(b, c);
          }
        }
        check(
            report,
            std::string("shfl.sync.") + form.name + ".b32 " + (with_predicate ? "%r3|%p0" : "%r3") +
                ", %r0, %r1, %r2, $m;",
            group, static_cast<std::uint32_t>(pairs.size()),
            [&](std::uint32_t block, std::uint32_t lane, int k) {
              if (k == 0) return random_bits(block * 32 + lane) & 0xffffffff;
              return static_cast<Bits>(k == 1 ? pairs[block].first : pairs[block].second);
            },
            [&](std::uint32_t lane, std::uint32_t, const Bits(*in)[3]) {
              bool in_range;
              const int j = source_lane(form.mode, static_cast<int>(lane), static_cast<int>(in[lane][1]),
                                        static_cast<int>(in[lane][2]), in_range);
              return std::pair<Bits, Bits>{in[j][0], with_predicate && in_range ? 1 : 0};
            });
      }
    }
  }
  // Lanes, distances and segments that differ from lane to lane.
  check(
      report, "shfl.sync.idx.b32 %r3|%p0, %r0, %r1, %r2, $m;", Group::whole, 40,
      [](std::uint32_t block, std::uint32_t lane, int k) {
        const Bits random = random_bits(block * 100 + lane * 3 + static_cast<std::uint32_t>(k));
        return k == 0 ? random & 0xffffffff : k == 1 ? random & 31 : Bits{(random >> 8 & 0x1f00) | 0x1f};
      },
      [](std::uint32_t lane, std::uint32_t, const Bits(*in)[3]) {
        bool in_range;
        const int j = source_lane('i', static_cast<int>(lane), static_cast<int>(in[lane][1]),
                                  static_cast<int>(in[lane][2]), in_range);
        return std::pair<Bits, Bits>{in[j][0], in_range ? 1 : 0};
      });
}

void votes(Report& report) {
  const auto ballot = [](std::uint32_t present, const Bits(*in)[3], bool negated) {
    std::uint32_t yes = 0;
    for (std::uint32_t k = 0; k < 32; ++k) {
      if ((present >> k & 1) != 0 && (in[k][1] != 0) != negated) yes |= 1u << k;
    }
    return yes;
  };
  const auto value = [](std::uint32_t block, std::uint32_t lane, int) {  // none, all, one, random
    if (block < 2) return Bits{block};
    if (block < 34) return Bits{lane == block - 2 ? 1u : 0u};
    return random_bits(block * 32 + lane) & 1;
  };
  for (const Group group : kGroups) {
    for (const bool negated : {false, true}) {
      const std::string operands = std::string(negated ? "!" : "") + "%p1, $m;";
      check(report, "vote.sync.all.pred %p0, " + operands, group, 50, value,
            [&](std::uint32_t, std::uint32_t present, const Bits(*in)[3]) {
              return std::pair<Bits, Bits>{0, ballot(present, in, negated) == present};
            });
      check(report, "vote.sync.any.pred %p0, " + operands, group, 50, value,
            [&](std::uint32_t, std::uint32_t present, const Bits(*in)[3]) {
              return std::pair<Bits, Bits>{0, ballot(present, in, negated) != 0};
            });
      check(report, "vote.sync.uni.pred %p0, " + operands, group, 50, value,
            [&](std::uint32_t, std::uint32_t present, const Bits(*in)[3]) {
              const std::uint32_t yes = ballot(present, in, negated);
              return std::pair<Bits, Bits>{0, yes == 0 || yes == present};
            });
      check(report, "vote.sync.ballot.b32 %r3, " + operands, group, 50, value,
            [&](std::uint32_t, std::uint32_t present, const Bits(*in)[3]) {
              return std::pair<Bits, Bits>{ballot(present, in, negated), 0};
            });
    }
  }
}

void matches(Report& report) {
  for (const Group group : kGroups) {
    for (const bool wide : {false, true}) {
      const auto value = [wide](std::uint32_t block, std::uint32_t lane, int) {  // from one value to 32
        const Bits which = random_bits(block * 64 + lane) % (block + 1);
        return wide ? 0x100000000 * which + 7 : which;  // differ only in the upper half
      };
      const auto equal = [](std::uint32_t lane, std::uint32_t present, const Bits(*in)[3]) {
        Bits mask = 0;
        for (std::uint32_t k = 0; k < 32; ++k) {
          if ((present >> k & 1) != 0 && in[k][0] == in[lane][0]) mask |= Bits{1} << k;
        }
        return mask;
      };
      const std::string source = wide ? ".sync.b64 %r3, %rd1, $m;" : ".sync.b32 %r3, %r0, $m;";
      check(report, "match.any" + source, group, 20, value,
            [&](std::uint32_t lane, std::uint32_t present, const Bits(*in)[3]) {
              return std::pair<Bits, Bits>{equal(lane, present, in), 0};
            });
      check(report,
            std::string("match.all.sync.") + (wide ? "b64 %r3|%p0, %rd1" : "b32 %r3|%p0, %r0") + ", $m;",
            group, 20, value, [&](std::uint32_t lane, std::uint32_t present, const Bits(*in)[3]) {
              const bool all = equal(lane, present, in) == present;
              return std::pair<Bits, Bits>{all ? present : 0, all};
            });
    }
  }
}

void reductions(Report& report) {
  struct Form {
    const char* name;
    std::function<Bits(Bits, Bits)> combine;
  };
  const auto s32 = [](Bits x) { return static_cast<std::int32_t>(x); };
  const Form forms[] = {{"add.u32", [](Bits a, Bits b) { return (a + b) & 0xffffffff; }},
                        {"add.s32", [](Bits a, Bits b) { return (a + b) & 0xffffffff; }},
                        {"min.u32", [](Bits a, Bits b) { return std::min(a, b); }},
                        {"max.u32", [](Bits a, Bits b) { return std::max(a, b); }},
                        {"min.s32", [=](Bits a, Bits b) { return s32(a) < s32(b) ? a : b; }},
                        {"max.s32", [=](Bits a, Bits b) { return s32(a) > s32(b) ? a : b; }},
                        {"and.b32", [](Bits a, Bits b) { return a & b; }},
                        {"or.b32", [](Bits a, Bits b) { return a | b; }},
                        {"xor.b32", [](Bits a, Bits b) { return a ^ b; }}};
  for (const Form& form : forms) {
    for (const Group group : kGroups) {
      check(
          report, std::string("redux.sync.") + form.name + " %r3, %r0, $m;", group, 20,
          [](std::uint32_t block, std::uint32_t lane, int) {
            const auto edges = integers(4).values;
            return block < 10 ? edges[(block * 7 + lane) % edges.size()]
                              : random_bits(block * 32 + lane) & 0xffffffff;
          },
          [&](std::uint32_t lane, std::uint32_t present, const Bits(*in)[3]) {
            Bits result = in[lane][0];
            for (std::uint32_t k = 0; k < 32; ++k) {
              if (k != lane && (present >> k & 1) != 0) result = form.combine(result, in[k][0]);
            }
            return std::pair<Bits, Bits>{result, 0};
          });
    }
  }
}

void faults(Report& report) {
  KernelRun run = run_kernel(
      "", "mov.u32 %r0, %thread; mov.u32 %r1, 25; shfl.sync.idx.b32 %r3, %r0, %r1, 31, 0xffffffff;", 1, 20,
      {}, 1);
  report.expect(run.found(Check::collective), "shfl from a lane that is not there: " + run.summary());
  run = run_kernel(
      "",
      "setp.lt.u32 %p0, %thread, 16; @!%p0 bra END; shfl.sync.idx.b32 %r3, %thread, 20, 31, 0xffff; END:", 1,
      32, {}, 1);
  report.expect(run.found(Check::collective), "shfl from a lane outside the mask: " + run.summary());
  // A value nobody wrote stays one on its way through a shuffle; elsewhere the results are defined.
  run = run_kernel("",
                   "setp.ne.u32 %p0, %thread, 5; @%p0 mov.u32 %r0, %thread; shfl.sync.bfly.b32 %r3, %r0, 1, "
                   "31, 0xffffffff;\n"
                   "mul.wide.u32 %rd0, %thread, 8; add.u64 %rd0, %out, %rd0; st.global.u32 [%rd0], %r3;",
                   1, 32, {}, 32);
  bool right = run.code == 0;
  for (std::uint32_t lane = 0; lane < 32; ++lane) right = right && (run.defined[lane] != 0) == (lane != 4);
  report.expect(right, "definedness through shfl: " + run.summary());
  // activemask: only that it holds the lane itself, and only lanes of its branch, is promised.
  run = run_kernel("",
                   "and.b32 %r0, %thread, 1; setp.ne.u32 %p0, %r0, 0; @%p0 bra ODD; activemask.b32 %r3; bra "
                   "JOIN; ODD: activemask.b32 %r3; JOIN:\n"
                   "mul.wide.u32 %rd0, %thread, 8; add.u64 %rd0, %out, %rd0; st.global.u32 [%rd0], %r3;",
                   1, 32, {}, 32);
  right = run.code == 0;
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    right = right && (run.cells[lane] >> lane & 1) != 0 &&
            (run.cells[lane] & ((lane & 1) != 0 ? 0x55555555 : 0xaaaaaaaa)) == 0;
  report.expect(right, "activemask: " + run.summary());
}

}  // namespace

void test_collectives(Report& report) {
  shuffles(report);
  votes(report);
  matches(report);
  reductions(report);
  faults(report);
}

}  // namespace softgpu::isa_test
