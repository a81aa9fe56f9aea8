// What softgpu exports beside the driver API: findings, counters, the schedule's seed, matrices to check.
//
// A plain C header. Every function may be called from any thread; before cuInit there is nothing to tell.
#ifndef SOFTGPU_H
#define SOFTGPU_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What the checks have found since the last clear, as a JSON array; "[]" if nothing. An element has check,
/// severity
/// ("error", "warning", "information"), code (CUresult), message, place and other ({kernel, file, line,
/// ptxLine, instruction}), block, thread, count. The text lasts until this thread's next softgpu call.
const char* softgpuFindings(void);
void softgpuClearFindings(void);

/// What kernels did since the last clear: a JSON object by kernel name, and a table for people.
const char* softgpuCounters(void);
const char* softgpuCountersTable(void);
void softgpuClearCounters(void);

/// Order of blocks, warps, lane groups, graph nodes and asynchronous copies from here on; 0 = natural order.
int softgpuSetSeed(uint64_t seed);

/// Declares that element (row, column) of a matrix lies at base + (row * leading + column) * element_bytes
/// and that mma instructions take it as A(i, k) (role 0) or as B(k, j) (role 1), so that fragments can be
/// checked. Returns a CUresult: 1 if the matrix does not lie in one allocation or a number makes no sense.
int softgpuDeclareMatrix(uint64_t base, uint64_t rows, uint64_t columns, uint64_t leading,
                         uint32_t element_bytes, uint32_t role);

/// Allocations nobody has freed, as a JSON array of {address, bytes, name}; module variables are not counted.
const char* softgpuLeaks(void);

#ifdef __cplusplus
}
#endif

#endif
