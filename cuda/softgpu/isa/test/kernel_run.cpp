#include "kernel_run.h"

#include <cstring>

#include "../../machine/device.h"
#include "../../machine/launch.h"
#include "../../machine/program.h"

namespace softgpu::isa_test {

bool KernelRun::found(Check check) const {
  for (const Finding& each : findings) {
    if (each.check == check) return true;
  }
  return false;
}

std::string KernelRun::summary() const {
  return findings.empty() ? "code " + std::to_string(code) : describe(findings.front());
}

KernelRun run_kernel(const std::string& head, const std::string& body, std::uint32_t blocks,
                     std::uint32_t threads, const std::vector<Bits>& in, std::size_t cells,
                     std::uint64_t seed) {
  KernelRun run;
  Settings settings;
  settings.threads = 1;
  settings.seed = seed;
  settings.memory = std::uint64_t{1} << 26;
  Device device(settings);
  try {
    Program program(
        device,
        ".version 9.0\n.target sm_80\n.address_size 64\n" + head +
            ".visible .entry k(.param .u64 in, .param .u64 out)\n{\n"
            ".reg .b32 %thread, %block, %i, %r<32>; .reg .b64 %in, %out, %rd<32>;\n"
            ".reg .b16 %h<8>; .reg .pred %p<16>;\n"
            "mov.u32 %thread, %tid.x; mov.u32 %block, %ctaid.x; mov.u32 %i, %ntid.x;\n"
            "mad.lo.u32 %i, %i, %block, %thread; ld.param.u64 %in, [in]; ld.param.u64 %out, [out];\n" +
            body + "\nret;\n}\n");
    const std::uint64_t input_bytes = std::max<std::size_t>(1, in.size()) * 8;
    const DeviceAddress from = *device.memory.allocate(input_bytes), to = *device.memory.allocate(cells * 8);
    device.memory.write(from, in.data(), in.size() * 8);
    run.cells.assign(cells, 0);
    device.memory.write(to, run.cells.data(), cells * 8);
    Launch launch;
    launch.kernel = program.kernel("k");
    launch.grid = {blocks, 1, 1};
    launch.block = {threads, 1, 1};
    launch.node = 1;
    launch.parameters.resize(16);
    std::memcpy(launch.parameters.data(), &from, 8);
    std::memcpy(launch.parameters.data() + 8, &to, 8);
    run.code = execute(device, launch);
    device.memory.read(run.cells.data(), to, cells * 8);
    for (std::size_t i = 0; i < cells; ++i) run.defined.push_back(*device.memory.defined(to + 8 * i));
  } catch (const std::exception& error) {
    run.code = -1;
    Finding finding;
    finding.message = error.what();
    run.findings.push_back(finding);
    return run;
  }
  run.findings = device.findings.all();
  return run;
}

}  // namespace softgpu::isa_test
