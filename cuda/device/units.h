// The units in which a kernel moves bytes: 16, 4 or 1 of them at once.
#pragma once

#include <cstdint>

/// Of one thread: 16 bytes of 4-byte units, so that enough is under way; bytes are 4 too.
constexpr int units_a_thread(int64_t unit_bytes) { return unit_bytes == 16 ? 1 : 4; }
