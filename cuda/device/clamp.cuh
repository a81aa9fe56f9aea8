// Limits that let a NaN through.
#pragma once

/// x limited to [low, high]; NaN stays.
__device__ inline float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
