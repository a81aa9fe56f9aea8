// One memory access of a warp: which lanes, where, how wide; found, checked and counted the same way by every
// instruction that touches memory.
#pragma once

#include <array>
#include <cstdint>

#include "../machine/warp.h"
#include "access_pattern.h"
#include "windows.h"

namespace softgpu {

struct Access {
  enum class Kind : std::uint8_t { load, store, atomic };
  Kind kind = Kind::load;
  Window window = Window::global;  ///< all its lanes lie in one
  std::uint32_t bytes = 4;         ///< a lane, 1 to 16
  std::uint32_t lanes = 0;
  bool read_only = false;  ///< ld.global.nc
  bool synchronises =
      false;                ///< volatile, relaxed, acquire, release, atomic: may carry order between threads
  bool acquires = false;    ///< what it reads orders what comes after
  bool releases = false;    ///< what came before is ordered before who reads it
  std::uint32_t place = 0;  ///< of the instruction that made it, where that is not the current one
  alignas(
      64) std::array<std::uint64_t, kLanes> address{};  ///< generic for global, else the offset in the window
};

/// Where an access' bytes and their definedness lie in the host's memory.
struct Located {
  std::array<std::byte*, kLanes> bytes;
  std::array<std::uint8_t*, kLanes> defined;
};

/// What a byte of a definedness shadow says.
inline constexpr std::uint8_t kUndefined = 0, kDefined = 0xff, kInFlight = 0x55,
                              kMbarrier = 0xaa;  ///< of a valid mbarrier: no data

/// Addresses base + offset of the current instruction's lanes (base kNoSlot: offset alone). Reports an
/// address nobody wrote. For the generic space `generic` the lanes of one window are done first: the access
/// holds them, and the lanes left over are returned (0 = none).
std::uint32_t begin_access(Warp& warp, Access& access, Slot base, bool wide, std::uint64_t offset,
                           bool generic, std::uint32_t lanes);

/// Checks alignment and bounds and finds the bytes. Faults with 716 or 700.
void locate(Warp& warp, const Access& access, Located& located);

/// Lanes whose bytes somebody wrote; reports those that a cp.async has not brought yet.
std::uint32_t defined_lanes(Warp& warp, const Access& access, const Located& located);

/// Faults where a lane's bytes belong to an mbarrier, which only mbarrier instructions may touch.
void check_plain(Warp& warp, const Access& access, const Located& located, std::uint32_t lane);

/// Marks the bytes of the access' lanes as written where `defined` has the lane, as unwritten elsewhere;
/// reports bytes that a cp.async is about to overwrite.
void mark_written(Warp& warp, const Access& access, const Located& located, std::uint32_t defined);

/// Counts sectors, bytes and bank conflicts.
void count_access(Warp& warp, const Access& access);
/// The same in two steps: what the access' addresses look like, and counting it. Global and shared memory
/// only.
const AccessPattern& pattern_of(Warp& warp, const Access& access);
void count_pattern(Warp& warp, const Access& access, const AccessPattern& pattern);

}  // namespace softgpu
