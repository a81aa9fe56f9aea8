#include "table.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "../../machine/device.h"
#include "../../machine/launch.h"
#include "../../machine/program.h"

namespace softgpu::isa_test {

namespace {

constexpr const char* kOperandNames[] = {"%a", "%b", "%c", "%f"};
constexpr const char* kResultNames[] = {"%d", "%e", "%g", "%h"};
constexpr std::uint32_t kBlock = 128;
constexpr Bits kSentinel = 0xa5c3a5c3a5c3a5c3, kUntouched = 0x1122334455667788;

/// Every lane; guarded; in a branch that some lanes take; operands missing in some lanes.
enum Situation { kAll, kGuarded, kDiverged, kUndefined, kSituations };

bool guard_of(std::uint64_t i) { return i % 5 < 2; }
/// In the last situation operand k is written by nobody in the lanes with i % 8 == k.
std::size_t missing_of(std::uint64_t i) { return i % 8; }

std::string type_of(int bytes) { return bytes == kPredicate ? "pred" : "b" + std::to_string(8 * bytes); }

/// The statements, each with the guard before it.
std::string guarded(const std::string& text, const std::string& guard) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = text.find(';', at);
    if (end == std::string::npos) end = text.size();
    std::string statement = text.substr(at, end - at);
    statement.erase(0, statement.find_first_not_of(' '));
    if (!statement.empty()) result += guard + statement + ";\n";
    at = end + 1;
  }
  return result;
}

std::string loads(const Row& row, bool leave_some_out) {
  std::string text = "mov.b64 %at, %first;\n";
  for (std::size_t k = 0; k < row.operands.size(); ++k) {
    const int bytes = row.operands[k].bytes;
    std::string guard;
    if (leave_some_out) {
      text += "setp.ne.u32 %some, %eighth, " + std::to_string(k) + ";\n";
      guard = "@%some ";
    }
    if (bytes == kPredicate) {
      text += "ld.global.b32 %word, [%at];\n" + guard + "setp.ne.u32 " + kOperandNames[k] + ", %word, 0;\n";
    } else {
      text += guard + "ld.global." + type_of(bytes) + " " + kOperandNames[k] + ", [%at];\n";
    }
    text += "add.u64 %at, %at, %stride;\n";
  }
  return text;
}

std::string presets(const Row& row) {
  std::string text;
  for (std::size_t r = 0; r < row.results.size(); ++r) {
    const int bytes = row.results[r];
    if (bytes == kPredicate) {
      text += std::string("setp.eq.u32 ") + kResultNames[r] + ", %i, %i;\n";
    } else {
      text +=
          "mov." + type_of(bytes) + " " + kResultNames[r] + ", " + hex(low_bits(kSentinel, bytes)) + ";\n";
    }
  }
  return text;
}

std::string stores(const Row& row, int situation) {
  std::string text =
      "mad.lo.u64 %at, %stride, " + std::to_string(situation * row.results.size()) + ", %out;\n";
  for (std::size_t r = 0; r < row.results.size(); ++r) {
    if (row.results[r] == kPredicate) {
      text += std::string("selp.b32 %word, 1, 0, ") + kResultNames[r] + ";\nst.global.b32 [%at], %word;\n";
    } else {
      text += "st.global." + type_of(row.results[r]) + " [%at], " + kResultNames[r] + ";\n";
    }
    text += "add.u64 %at, %at, %stride;\n";
  }
  return text;
}

std::string registers(const Row& row) {
  std::string text;
  for (std::size_t k = 0; k < row.operands.size(); ++k) {
    text += ".reg ." + type_of(row.operands[k].bytes) + " " + kOperandNames[k] + ";\n";
  }
  for (std::size_t r = 0; r < row.results.size(); ++r) {
    text += ".reg ." + type_of(row.results[r]) + " " + kResultNames[r] + ";\n";
  }
  return text + ".reg .b16 %t16, %u16; .reg .b32 %t32, %u32; .reg .b64 %t64, %u64; .reg .pred %tp, %up;\n";
}

struct Run {
  std::vector<Bits> inputs;   ///< [operand][i]
  std::vector<Bits> results;  ///< [situation][result][i]
  std::vector<std::uint8_t> defined;
  std::string fault;
};

/// Rows on memory have 16 bytes of each space to themselves: [%global], [%shared], [own_local].
bool uses_memory(const Row& row) {
  return row.text.find("%global") != std::string::npos || row.text.find("%shared") != std::string::npos ||
         row.text.find("own_local") != std::string::npos;
}

Run execute_row(const Row& row, std::uint64_t n) {
  Run run;
  const std::size_t operands = row.operands.size(), results = row.results.size();
  run.inputs.resize(operands * n);
  for (std::uint64_t i = 0; i < n; ++i) {
    std::uint64_t rest = i;
    for (std::size_t k = 0; k < operands; ++k) {
      const auto& values = row.operands[k].values;
      run.inputs[k * n + i] = values[rest % values.size()];
      rest /= values.size();
    }
  }
  const auto make = [](bool perturb) {
    Settings settings;
    settings.threads = 1;
    settings.memory = std::uint64_t{1} << 28;
    settings.races = false;  // every thread has its own cells
    settings.perturb = perturb;
    return std::make_unique<Device>(settings);
  };
  static const std::unique_ptr<Device> devices[] = {make(false), make(true)};
  Device& device = *devices[row.perturb ? 1 : 0];
  device.findings.clear();
  try {
    Program program(device, module_head(uses_memory(row)) + kernel_text(row, "row"));
    const std::uint64_t cells = kSituations * results * n;
    const DeviceAddress in = *device.memory.allocate(std::max<std::uint64_t>(8, operands * n * 8));
    const DeviceAddress out = *device.memory.allocate(cells * 8);
    device.memory.write(in, run.inputs.data(), run.inputs.size() * 8);
    run.results.assign(cells, kUntouched);
    device.memory.write(out, run.results.data(), cells * 8);
    Launch launch;
    launch.kernel = program.kernel("row");
    launch.grid = {static_cast<std::uint32_t>((n + kBlock - 1) / kBlock), 1, 1};
    launch.block = {kBlock, 1, 1};
    launch.node = 1;
    launch.parameters.resize(24);
    const auto count = static_cast<std::uint32_t>(n);
    std::memcpy(launch.parameters.data(), &in, 8);
    std::memcpy(launch.parameters.data() + 8, &out, 8);
    std::memcpy(launch.parameters.data() + 16, &count, 4);
    const int code = execute(device, launch);
    if (code != 0 || !device.findings.all().empty()) run.fault = describe(device.findings.all().at(0));
    device.memory.read(run.results.data(), out, cells * 8);
    run.defined.resize(cells);
    for (std::uint64_t cell = 0; cell < cells; ++cell)
      run.defined[cell] = *device.memory.defined(out + 8 * cell);
    device.memory.free(in);
    device.memory.free(out);
  } catch (const std::exception& error) {
    run.fault = error.what();
  }
  return run;
}

}  // namespace

std::string hex(Bits bits) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(bits));
  return text;
}

std::string module_head(bool with_memory) {
  return std::string(".version 9.0\n.target sm_90\n.address_size 64\n") +
         (with_memory ? ".global .align 16 .b8 pool[262144];\n" : "");
}

void Report::fail(const std::string& what) {
  ++failed_;
  std::printf("FAILED %s\n", what.c_str());
}

std::string kernel_text(const Row& row, const std::string& name) {
  std::string text =
      ".visible .entry " + name + "(.param .u64 in, .param .u64 out, .param .u32 count)\n{\n" +
      ".reg .b32 %i, %n, %m, %eighth, %word, %shared; .reg .b64 %in, %out, %first, %at, %stride, %global;\n"
      ".reg .pred %past, %guard, %some;\n"
      "mov.u32 %i, %ctaid.x; mov.u32 %n, %ntid.x; mov.u32 %m, %tid.x;\n";
  if (uses_memory(row)) {
    text += ".shared .align 16 .b8 own_shared[" + std::to_string(16 * kBlock) +
            "]; .local .align 16 .b8 own_local[16];\n"
            "mov.u32 %shared, own_shared; mad.lo.u32 %shared, %m, 16, %shared;\n";
  }
  text +=
      "mad.lo.u32 %i, %i, %n, %m; ld.param.u32 %n, [count];\n"
      "setp.ge.u32 %past, %i, %n; @%past ret;\n"
      "ld.param.u64 %in, [in]; ld.param.u64 %out, [out];\n"
      "mul.wide.u32 %stride, %n, 8; mul.wide.u32 %at, %i, 8;\n"
      "add.u64 %first, %in, %at; add.u64 %out, %out, %at;\n"
      "rem.u32 %m, %i, 5; setp.lt.u32 %guard, %m, 2; and.b32 %eighth, %i, 7;\n";
  if (uses_memory(row)) text += "mov.u64 %global, pool; mad.wide.u32 %global, %i, 16, %global;\n";
  text += "{\n" + registers(row) + loads(row, false) + guarded(row.text, "") + stores(row, kAll) + "}\n";
  text += "{\n" + registers(row) + loads(row, false) + presets(row) + guarded(row.text, "@%guard ") +
          stores(row, kGuarded) + "}\n";
  text += "@%guard bra JOIN_" + name + ";\n{\n" + registers(row) + loads(row, false) + guarded(row.text, "") +
          stores(row, kDiverged) + "}\nJOIN_" + name + ":\n";
  text += "{\n" + registers(row) + loads(row, true) + guarded(row.text, "") + stores(row, kUndefined) + "}\n";
  return text + "ret;\n}\n";
}

void run(const Row& row, Report& report) {
  std::uint64_t n = 1;
  for (const Operand& each : row.operands) n *= each.values.size();
  const Run run = execute_row(row, n);
  const std::size_t operands = row.operands.size(), results = row.results.size();
  std::string first;
  std::uint64_t wrong = 0, moved = 0;
  const auto note = [&](std::uint64_t i, std::size_t r, int situation, const std::string& expected,
                        const std::string& got) {
    static constexpr const char* kNames[] = {"", " (guarded)", " (in a branch)", " (undefined operands)"};
    if (++wrong > 4) return;
    first += "\n   ";
    for (std::size_t k = 0; k < operands; ++k) {
      first += std::string(k == 0 ? "" : ", ") + kOperandNames[k] + " = " + hex(run.inputs[k * n + i]);
    }
    first +=
        std::string(": ") + kResultNames[r] + " expected " + expected + ", got " + got + kNames[situation];
  };
  if (!run.fault.empty()) {
    report.fail(row.text + "\n   " + run.fault);
    return;
  }
  for (std::uint64_t i = 0; i < n; ++i) {
    Bits in[4] = {}, out[4] = {};
    for (std::size_t k = 0; k < operands; ++k) in[k] = run.inputs[k * n + i];
    row.reference(in, out);
    for (std::size_t r = 0; r < results; ++r) {
      const int bytes = row.results[r] == kPredicate ? 4 : row.results[r];
      const Bits expected = low_bits(out[r], bytes);
      for (int situation = 0; situation < kSituations; ++situation) {
        const std::uint64_t cell = (situation * results + r) * n + i;
        const Bits got = low_bits(run.results[cell], bytes);
        if (situation == kGuarded && !guard_of(i)) {
          const Bits old = row.results[r] == kPredicate ? 1 : low_bits(kSentinel, bytes);
          if (got != old) note(i, r, situation, "the old value", hex(got));
          continue;
        }
        if (situation == kDiverged && guard_of(i)) {
          if (run.results[cell] != kUntouched) note(i, r, situation, "no store", hex(got));
          continue;
        }
        if (situation == kUndefined && missing_of(i) < operands) {
          if (row.strict_in_operands && run.defined[cell] != 0) note(i, r, situation, "undefined", hex(got));
          continue;
        }
        if (run.defined[cell] != 0xff) note(i, r, situation, "a defined value", "undefined");
        moved += got != expected;
        if (got != expected && !(row.accepts && row.accepts(in, expected, got))) {
          note(i, r, situation, hex(expected), hex(got));
        }
      }
    }
  }
  if (row.perturb && moved == 0) {
    report.fail(row.text + ": no result was perturbed");
  } else if (wrong == 0) {
    report.pass();
  } else {
    report.fail(row.text + (row.perturb ? " [perturbed]" : "") + ": " + std::to_string(wrong) + " of " +
                std::to_string(n * kSituations) + first);
  }
}

}  // namespace softgpu::isa_test
