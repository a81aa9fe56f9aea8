// Functions that the host and CUDA's device code share.
#pragma once

#ifdef __CUDACC__
#define LAPIDARY_HOST_DEVICE __host__ __device__
#else
#define LAPIDARY_HOST_DEVICE
#endif
