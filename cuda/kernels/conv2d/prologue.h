// The prologue of convolution, part of the parameters of its kernels.
#pragma once

/// What is convolved is act(x * scale[c] + shift[c]); zero padding comes after it.
struct Conv2dPrologue {
  const float* scale = nullptr;  ///< null: no prologue
  const float* shift = nullptr;
  bool rectify = false;  ///< act is ReLU
};
