// What the checks report: one Finding a fault, named by kernel and source line, counted instead of repeated.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace softgpu {

enum class Check : std::uint8_t {
  race,           ///< two threads touch one word without order between them, one of them writing
  barrier,        ///< a barrier that part of a block never reaches, or reached in a way the manual forbids
  uninitialised,  ///< a value nobody wrote reaches an address, a branch, an mma or an output
  bounds,         ///< an access outside every allocation, or to freed memory
  alignment,      ///< an address that is not a multiple of the access' size
  address_space,  ///< an address of the wrong window (716/717 on hardware)
  host_access,    ///< the host touches a device pointer
  async_copy,     ///< cp.async data touched before its wait
  fragment,       ///< an mma fragment whose elements do not belong together
  limit,          ///< more threads, registers, shared memory or blocks than the architecture has
  unordered,      ///< a copy or a kernel not ordered after the one it depends on
  collective,     ///< a shuffle, vote or mma with lanes missing, or from an inactive lane
  livelock,       ///< a spin that never ends
  arithmetic,     ///< integer division by zero and what else has no defined result
  read_only,      ///< memory written during a launch that reads it through .nc, or a write to constant memory
  trap,           ///< trap, a failed assert, a stack overflow
  unsupported,    ///< an instruction or call softgpu does not know
};

std::string_view name_of(Check check);

/// `error` fails the launch; `warning` is legal but suspicious; `information` has no effect on results.
enum class Severity : std::uint8_t { information, warning, error };

/// A place in a kernel.
struct Place {
  std::string kernel;
  std::string file;        ///< of the CUDA source, empty without -lineinfo
  std::uint32_t line = 0;  ///< of that file
  std::uint32_t ptx_line = 0;
  std::string instruction;  ///< its opcode with modifiers
};

struct Finding {
  Check check = Check::unsupported;
  Severity severity = Severity::error;
  int code = 719;       ///< CUresult of the launch this finding fails
  std::string message;  ///< what happened, what was expected, what to do
  Place place;
  Place other;  ///< the second party of a race; kernel empty if there is none
  std::uint32_t block[3] = {0, 0, 0};
  std::uint32_t thread[3] = {0, 0, 0};
  std::uint64_t count = 1;  ///< how often the same places met
};

/// Collects findings of all worker threads; the same check at the same two places is counted, not repeated.
class Findings {
 public:
  /// Adds a finding; prints it on stderr the first time unless SOFTGPU_QUIET is set.
  void add(const Finding& finding);
  std::vector<Finding> all() const;
  /// First CUresult of an error-level finding since this was asked last, repeated ones too; 0 = none.
  int take_code();
  std::string json() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<Finding> findings_;
  int code_ = 0;
};

/// SOFTGPU_QUIET is set and not empty: nothing is printed, findings are only kept.
bool is_quiet();

/// One paragraph for people: check, severity, place, block and thread, message.
std::string describe(const Finding& finding);

}  // namespace softgpu
