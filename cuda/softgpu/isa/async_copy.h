// What cp.async and the mbarriers that wait for it know of each other.
#pragma once

#include "../machine/encoder.h"
#include "../machine/warp.h"

namespace softgpu {

/// How many cp.async a lane has issued.
std::uint32_t copies_issued(Warp& warp, std::uint32_t lane);

/// Lands the first `count` copies that a lane has issued, those of them that have not yet.
void land_copies(Warp& warp, std::uint32_t lane, std::uint32_t count);

/// cp.async.mbarrier.arrive: mbarrier.cpp.
Op encode_arrive_after_copies(Encoder& e);

}  // namespace softgpu
