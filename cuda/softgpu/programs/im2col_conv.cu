// Convolution by im2col and a product with shared tiles, NCHW, any stride and padding.
//
// Proves index arithmetic with divisions and remainders by run-time values, and a barrier inside a loop whose
// count is uniform while its guards are not.
#include <cuda_runtime.h>

struct Convolution {
  int images, channels, height, width, filters, size, stride, padding, out_height, out_width;
};

// columns[(channel, r, s)][(image, row, column)]
extern "C" __global__ void im2col(const float* x, float* columns, Convolution p) {
  const int positions = p.images * p.out_height * p.out_width;
  const int total = p.channels * p.size * p.size * positions;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
    int rest = i % positions, tap = i / positions;
    const int column = rest % p.out_width, row = rest / p.out_width % p.out_height;
    const int image = rest / p.out_width / p.out_height;
    const int s = tap % p.size, r = tap / p.size % p.size, channel = tap / p.size / p.size;
    const int y = row * p.stride + r - p.padding, z = column * p.stride + s - p.padding;
    const bool inside = y >= 0 && y < p.height && z >= 0 && z < p.width;
    columns[i] = inside ? x[((image * p.channels + channel) * p.height + y) * p.width + z] : 0.0f;
  }
}

// y[image][filter][position] = sum over taps of w[filter][tap] columns[tap][(image, position)]; 16 x 16
// threads
extern "C" __global__ void product(const float* w, const float* columns, float* y, Convolution p) {
  __shared__ float a[16][16], b[16][17];
  const int taps = p.channels * p.size * p.size, plane = p.out_height * p.out_width,
            positions = p.images * plane;
  const int filter = blockIdx.y * 16 + threadIdx.y, position = blockIdx.x * 16 + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < taps; i += 16) {
    const int ka = i + threadIdx.x, kb = i + threadIdx.y;
    a[threadIdx.y][threadIdx.x] = filter < p.filters && ka < taps ? w[filter * taps + ka] : 0.0f;
    b[threadIdx.y][threadIdx.x] =
        kb < taps && position < positions ? columns[kb * positions + position] : 0.0f;
    __syncthreads();
    for (int k = 0; k < 16; ++k) sum += a[threadIdx.y][k] * b[k][threadIdx.x];
    __syncthreads();
  }
  if (filter < p.filters && position < positions) {
    y[(position / plane * p.filters + filter) * plane + position % plane] = sum;
  }
}
