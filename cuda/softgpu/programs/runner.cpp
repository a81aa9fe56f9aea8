// softgpu_programs: runs the correct programs and the planted faults, one JSON line a run.
//
//   softgpu_programs --list                     names, as JSON
//   softgpu_programs NAME... [--seed N]         these, with one seed (1)
//   softgpu_programs --all [--seeds 5]          everything, programs with seeds 1 to 5
//   softgpu_programs --programs | --faults      one kind
//   --kernels FOLDER                            where NAME.ptx and NAME.fatbin lie (default: the working
//   directory)
//
// A program is ok when its results equal the host's and no check accuses it. A fault is ok when the check
// that it was planted for names it; each runs in a process of its own. On a GPU faults do not apply: its
// driver has no checks. Exit status 0 when all are ok, 1 when not, 2 for wrong arguments.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "findings.h"
#include "harness.h"

namespace softgpu::programs {
namespace {

using Clock = std::chrono::steady_clock;

struct Run {
  std::string program = {};
  std::uint64_t seed = 0;
  bool ok = false;
  std::string message = {};
  std::string findings = "[]";
  Clock::time_point start = Clock::now();
};

void print(const Run& run) {
  const std::chrono::duration<double, std::milli> elapsed = Clock::now() - run.start;
  std::printf("{\"program\":%s,\"seed\":%llu,\"ok\":%s,\"message\":%s,\"findings\":%s,\"ms\":%.1f}\n",
              quoted(run.program).c_str(), static_cast<unsigned long long>(run.seed),
              run.ok ? "true" : "false", quoted(run.message).c_str(), run.findings.c_str(), elapsed.count());
  std::fflush(stdout);
}

std::string findings_json() {
  if (!driver().software()) return "[]";
  std::string json = driver().softgpuFindings();
  std::ranges::replace(json, '\n', ' ');  // white space: strings have theirs escaped
  return json;
}

std::string describe(const Finding& finding) {
  std::string text = finding.check + " (" + finding.severity;
  for (const Location& location : finding.locations) {
    text += ", " + location.file + ":" + std::to_string(location.line);
  }
  return text + "): " + finding.message;
}

bool run_program(const Program& program, std::uint64_t seed) {
  Run run{.program = program.name, .seed = seed};
  try {
    if (driver().software()) {
      driver().softgpuSetSeed(seed);
      driver().softgpuClearFindings();
    }
    {
      const Device device;
      Random random(seed);
      program.run(random);
    }
    run.ok = true;
  } catch (const std::exception& error) {
    run.message = error.what();
  }
  try {
    run.findings = findings_json();
    for (const Finding& finding : parse_findings(run.findings)) {
      if (finding.severity == "information") continue;
      run.ok = false;
      run.message += (run.message.empty() ? "" : "; ") + describe(finding);
    }
  } catch (const std::exception& error) {
    run.ok = false;
    run.message += error.what();
  }
  print(run);
  return run.ok;
}

/// Runs a fault in this process and prints what the driver returned and reported, for the parent to judge.
int run_planted(const Fault& fault, std::uint64_t seed) {
  alarm(120);
  if (!driver().software()) return 3;
  driver().softgpuSetSeed(seed);
  CUresult code = kSuccess;
  std::string message = {};
  {
    const Device device;
    try {
      fault.run();
      code = driver().cuCtxSynchronize.result();
    } catch (const DriverError& error) {
      code = error.code;
      message = error.what();
    } catch (const std::exception& error) {
      message = error.what();
    }
  }
  std::printf("%d\n%s\n%s\n", code, quoted(message).c_str(), findings_json().c_str());
  std::fflush(stdout);
  _exit(0);
}

bool is_marked(const Location& location) {
  std::ifstream source(location.file);
  std::string line;
  for (int number = 0; number < location.line && std::getline(source, line);) ++number;
  return source && location.line > 0 && line.find("// FAULT") != line.npos;
}

/// Why this is not the report the fault must give; empty when it is.
std::string complaint(const Fault& fault, CUresult code, const std::vector<Finding>& findings) {
  std::string seen = "expected check " + std::string(fault.check);
  for (const Finding& finding : findings) {
    if (finding.check != fault.check) continue;
    const bool located = !finding.locations.empty() && std::ranges::any_of(finding.locations, is_marked);
    if (fault.place == Place::marked_line && !located) continue;
    if (code == fault.code || fault.code == kAnyResult || (fault.code == kAnyError && code != kSuccess))
      return {};
    return "expected code " + std::to_string(fault.code) + ", not " + std::to_string(code);
  }
  if (fault.place == Place::marked_line) seen += " at the line marked FAULT";
  seen += findings.empty() ? "; no finding" : "; found";
  for (const Finding& finding : findings) seen += " " + describe(finding);
  return seen + "; code " + std::to_string(code);
}

std::string read_all(int descriptor) {
  std::string text;
  std::array<char, 4096> chunk;
  for (ssize_t got; (got = read(descriptor, chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string take_line(std::string& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string line = text.substr(0, end);
  text.erase(0, std::min(end + 1, text.size()));
  return line;
}

/// Runs a fault in a child, so that one that kills its process, or breaks its context for good, harms nothing
/// else.
bool run_fault(const Fault& fault, std::uint64_t seed, const std::string& kernels) {
  Run run{.program = fault.name, .seed = seed};
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    // Reports come back through softgpuFindings, but for the one of a process that is being killed.
    if (fault.place == Place::host) dup2(STDOUT_FILENO, STDERR_FILENO);
    setenv("SOFTGPU_QUIET", "1", 0);
    setenv("SOFTGPU_WATCHDOG", "1000000", 0);
    const std::string number = std::to_string(seed);
    execl("/proc/self/exe", "softgpu_programs", "--kernels", kernels.c_str(), "--seed", number.c_str(),
          "--planted", fault.name, static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  std::string output = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);

  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3) {
    run.ok = true;
    run.message = "not applicable: this driver has no checks";
  } else if (fault.place == Place::host) {
    run.ok = (signal == SIGSEGV || signal == SIGBUS) && output.find(fault.check) != output.npos;
    if (!run.ok) run.message = "expected " + std::string(fault.check) + " and a signal, not " + output;
  } else if (signal != 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    run.message = signal != 0 ? "killed by signal " + std::to_string(signal)
                              : "exit status " + std::to_string(WEXITSTATUS(status)) + ": " + output;
  } else {
    const CUresult code = std::atoi(take_line(output).c_str());
    const std::string said = take_line(output);
    run.findings = take_line(output);
    run.message = complaint(fault, code, parse_findings(run.findings));
    run.ok = run.message.empty();
    if (!run.ok) run.message += "; driver: " + said;
  }
  print(run);
  return run.ok;
}

void print_list() {
  std::printf("{\"programs\":[");
  const char* separator = "";
  for (const Program& program : programs()) {
    std::printf("%s%s", separator, quoted(program.name).c_str());
    separator = ",";
  }
  std::printf("],\"faults\":[");
  separator = "";
  for (const Fault& fault : faults()) {
    std::printf("%s{\"name\":%s,\"check\":%s}", separator, quoted(fault.name).c_str(),
                quoted(fault.check).c_str());
    separator = ",";
  }
  std::printf("]}\n");
}

struct Options {
  bool list = false, programs = false, faults = false, planted = false;
  std::vector<std::uint64_t> seeds = {1};
  std::string kernels = ".";
  std::vector<std::string> names;
};

Options parse(int count, char** arguments) {
  Options options;
  const auto value = [&](int& i) -> std::string {
    if (i + 1 == count) throw std::invalid_argument(std::string(arguments[i]) + " needs a value");
    return arguments[++i];
  };
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--list") {
      options.list = true;
    } else if (argument == "--all") {
      options.programs = options.faults = true;
    } else if (argument == "--programs") {
      options.programs = true;
    } else if (argument == "--faults") {
      options.faults = true;
    } else if (argument == "--planted") {
      options.planted = true;
    } else if (argument == "--seed") {
      options.seeds = {std::stoull(value(i))};
    } else if (argument == "--seeds") {
      options.seeds.resize(std::stoull(value(i)));
      for (std::size_t s = 0; s < options.seeds.size(); ++s) options.seeds[s] = s + 1;
    } else if (argument == "--kernels") {
      options.kernels = value(i);
    } else if (argument.starts_with("-")) {
      throw std::invalid_argument("unknown option " + argument);
    } else {
      options.names.push_back(argument);
    }
  }
  return options;
}

int main(int count, char** arguments) {
  const auto by_name = [](const auto& a, const auto& b) { return std::string_view(a.name) < b.name; };
  std::ranges::sort(programs(), by_name);
  std::ranges::sort(faults(), by_name);
  const Options options = parse(count, arguments);
  if (options.list) {
    print_list();
    return 0;
  }
  set_kernel_folder(options.kernels);

  std::vector<std::string> unknown = options.names;
  const auto wanted = [&](bool kind, std::string_view name) {
    std::erase(unknown, name);
    return kind || std::ranges::find(options.names, name) != options.names.end();
  };
  bool ok = true;
  for (const Program& program : programs()) {
    if (!wanted(options.programs, program.name)) continue;
    for (const std::uint64_t seed : options.seeds) ok = run_program(program, seed) && ok;
  }
  for (const Fault& fault : faults()) {
    if (!wanted(options.faults, fault.name)) continue;
    if (options.planted) return run_planted(fault, options.seeds.front());
    ok = run_fault(fault, options.seeds.front(), options.kernels) && ok;
  }
  if (!unknown.empty()) throw std::invalid_argument("no program is called " + unknown.front());
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace softgpu::programs

int main(int count, char** arguments) {
  try {
    return softgpu::programs::main(count, arguments);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "softgpu_programs: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "softgpu_programs: %s\n", error.what());
    return 1;
  }
}
