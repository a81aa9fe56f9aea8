// Parameters of optimizer.cu.
#pragma once

#include "core/step_block.h"
#include "device/tensor_table.h"

struct SgdParameters {
  TensorTable<4> tensors;  ///< weights, gradients, momenta (if there are), masks (if there are)
  const lapidary::StepBlock* step;
  int32_t rate_slot;
  float rate_factor, momentum, decay;
  bool moving, nesterov, masked;  ///< moving: there are momenta
};

struct AdamParameters {
  TensorTable<5> tensors;  ///< weights, gradients, first and second moments, masks (if there are)
  const lapidary::StepBlock* step;
  int32_t rate_slot, first_slot, second_slot;
  float rate_factor;
  float rest1, beta2, rest2;  ///< 1 - beta1, beta2, 1 - beta2, each rounded once
  float epsilon, decay;
  bool decoupled, masked;
};

struct LerpParameters {
  TensorTable<2> tensors;  ///< averages, values
  const lapidary::StepBlock* step;
  int32_t share_slot;
};

struct SquaresParameters {
  TensorTable<1> tensors;
  float* sums;  ///< a chunk
};

struct RootOfSumParameters {
  const float* sums;
  int64_t count;
  float* norm;
};

struct ClipNormParameters {
  TensorTable<1> tensors;
  const float* norm;
  float limit;
};
