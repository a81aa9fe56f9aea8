#include "finding.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "json_text.h"

namespace softgpu {
namespace {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::information:
      return "information";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "?";
}

bool same_place(const Place& a, const Place& b) {
  return a.kernel == b.kernel && a.ptx_line == b.ptx_line && a.file == b.file && a.line == b.line;
}

bool same(const Finding& a, const Finding& b) {
  if (a.check != b.check || a.severity != b.severity || a.code != b.code) return false;
  if (!same_place(a.place, b.place) || !same_place(a.other, b.other)) return false;
  // Calls of the host have no line: their messages tell them apart.
  return a.place.ptx_line != 0 || a.message == b.message;
}

/// "saxpy (saxpy.cu:12, PTX line 40: ld.global.f32)"
std::string words(const Place& place) {
  std::string text = place.kernel;
  std::string where;
  if (!place.file.empty()) where = place.file + ":" + std::to_string(place.line);
  if (place.ptx_line != 0) {
    if (!where.empty()) where += ", ";
    where += "PTX line " + std::to_string(place.ptx_line);
    if (!place.instruction.empty()) where += ": " + place.instruction;
  }
  if (!where.empty()) text += " (" + where + ")";
  return text;
}

std::string triple(const std::uint32_t (&index)[3]) {
  return "(" + std::to_string(index[0]) + "," + std::to_string(index[1]) + "," + std::to_string(index[2]) +
         ")";
}

std::string json(const Place& place) {
  return "{\"kernel\":" + quoted(place.kernel) + ",\"file\":" + quoted(place.file) +
         ",\"line\":" + std::to_string(place.line) + ",\"ptxLine\":" + std::to_string(place.ptx_line) +
         ",\"instruction\":" + quoted(place.instruction) + "}";
}

std::string json(const std::uint32_t (&index)[3]) {
  return "[" + std::to_string(index[0]) + "," + std::to_string(index[1]) + "," + std::to_string(index[2]) +
         "]";
}

}  // namespace

std::string_view name_of(Check check) {
  switch (check) {
    case Check::race:
      return "race";
    case Check::barrier:
      return "barrier";
    case Check::uninitialised:
      return "uninitialised";
    case Check::bounds:
      return "bounds";
    case Check::alignment:
      return "alignment";
    case Check::address_space:
      return "address_space";
    case Check::host_access:
      return "host_access";
    case Check::async_copy:
      return "async_copy";
    case Check::fragment:
      return "fragment";
    case Check::limit:
      return "limit";
    case Check::unordered:
      return "unordered";
    case Check::collective:
      return "collective";
    case Check::livelock:
      return "livelock";
    case Check::arithmetic:
      return "arithmetic";
    case Check::read_only:
      return "read_only";
    case Check::trap:
      return "trap";
    case Check::unsupported:
      return "unsupported";
  }
  return "?";
}

bool is_quiet() {
  static const bool quiet = [] {
    const char* value = std::getenv("SOFTGPU_QUIET");
    return value != nullptr && *value != '\0';
  }();
  return quiet;
}

std::string describe(const Finding& finding) {
  std::string text = "softgpu: " + std::string(name_of(finding.severity)) + ": " +
                     std::string(name_of(finding.check)) + ": " + finding.message;
  if (!finding.place.kernel.empty()) {
    text += "\n  at " + words(finding.place);
    if (finding.place.ptx_line != 0)
      text += ", block " + triple(finding.block) + ", thread " + triple(finding.thread);
  }
  if (!finding.other.kernel.empty()) text += "\n  and " + words(finding.other);
  if (finding.count > 1) text += "\n  " + std::to_string(finding.count) + " times";
  return text;
}

void Findings::add(const Finding& finding) {
  {
    std::lock_guard lock(mutex_);
    if (code_ == 0 && finding.severity == Severity::error) code_ = finding.code;
    for (Finding& known : findings_) {
      if (!same(known, finding)) continue;
      known.count += finding.count;
      return;
    }
    findings_.push_back(finding);
  }
  if (!is_quiet()) std::fprintf(stderr, "%s\n", describe(finding).c_str());
}

std::vector<Finding> Findings::all() const {
  std::lock_guard lock(mutex_);
  return findings_;
}

int Findings::take_code() {
  std::lock_guard lock(mutex_);
  return std::exchange(code_, 0);
}

std::string Findings::json() const {
  std::lock_guard lock(mutex_);
  std::string text = "[";
  for (const Finding& finding : findings_) {
    if (text.size() > 1) text += ",\n ";
    text += "{\"check\":" + quoted(name_of(finding.check)) +
            ",\"severity\":" + quoted(name_of(finding.severity)) +
            ",\"code\":" + std::to_string(finding.code) + ",\"message\":" + quoted(finding.message) +
            ",\"place\":" + softgpu::json(finding.place);
    if (!finding.other.kernel.empty()) text += ",\"other\":" + softgpu::json(finding.other);
    text += ",\"block\":" + softgpu::json(finding.block) + ",\"thread\":" + softgpu::json(finding.thread) +
            ",\"count\":" + std::to_string(finding.count) + "}";
  }
  return text + "]";
}

void Findings::clear() {
  std::lock_guard lock(mutex_);
  findings_.clear();
  code_ = 0;
}

}  // namespace softgpu
