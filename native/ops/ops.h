// The ops: one function a row of the table (ops/table.cpp), and the few that backward functions share.
#pragma once

#include "autograd/tape.h"
#include "ops/kernels.h"
#include "ops/launch.h"
#include "ops/table.h"

namespace lapidary::ops {

using Outputs = std::vector<Tensor>;

// layout.cpp
Outputs full(OpCall& call);
Outputs cast(OpCall& call);
Outputs reshape(OpCall& call);
Outputs transpose(OpCall& call);
Outputs slice(OpCall& call);
Outputs concat(OpCall& call);
Outputs pad(OpCall& call);
Outputs gather(OpCall& call);
Outputs detach(OpCall& call);
Outputs clone(OpCall& call);
Outputs assign(OpCall& call);
// elementwise.cpp
Outputs unary(OpCall& call);
Outputs binary(OpCall& call);
// reduce.cpp
Outputs reduce(OpCall& call);
// linear.cpp
Outputs matmul(OpCall& call);
Outputs linear(OpCall& call);
// conv2d.cpp, batch_norm.cpp, conv_bn_act.cpp, pool.cpp
Outputs conv2d(OpCall& call);
Outputs batch_norm(OpCall& call);
Outputs normalize(OpCall& call);
Outputs residual(OpCall& call);
Outputs conv_bn_act(OpCall& call);
Outputs pool(OpCall& call);
// mixed_state.cpp
Outputs mixed_state(OpCall& call);
// softmax.cpp
Outputs softmax(OpCall& call);
Outputs cross_entropy(OpCall& call);
// random.cpp
Outputs random_fill(OpCall& call);
Outputs dropout(OpCall& call);
// optimizer.cpp, pgd.cpp, prune.cpp, data.cpp
Outputs sgd(OpCall& call);
Outputs adam(OpCall& call);
Outputs lerp(OpCall& call);
Outputs norm2(OpCall& call);
Outputs clip_norm(OpCall& call);
Outputs pgd_start(OpCall& call);
Outputs pgd_step(OpCall& call);
Outputs channel_scores(OpCall& call);
Outputs prune_mask(OpCall& call);
Outputs augment(OpCall& call);
Outputs draw_shapes10(OpCall& call);
Outputs draw_scenes(OpCall& call);
// transforms.cpp
Outputs draw_transforms(OpCall& call);
Outputs transform_images(OpCall& call);

// ---- Shared by backward functions; none of these records on the tape.

Tensor constant(Device& device, const Dims& shape, float value);
Tensor add_gradients(const Tensor& a, const Tensor& b);
/// The gradient of a ReLU's input, from its output.
Tensor rectified_gradient(Rectifier by, const Tensor& output, const Tensor& gradient);
Tensor apply_unary(Unary kind, const Tensor& x, float p0 = 0, float p1 = 0);
Tensor apply_binary(BinaryKind kind, const Tensor& a, const Tensor& b);
/// Sums a gradient over the axes along which `shape` was broadcast.
Tensor sum_to_shape(const Tensor& gradient, const Dims& shape);
/// Repeats x (whose shape broadcasts to `shape`).
Tensor broadcast_to(const Tensor& x, const Dims& shape);
Tensor copy_of(const Tensor& x);
/// Copies source into the elements of target, which is of the same shape and type.
void overwrite(const Tensor& target, const Tensor& source);
Tensor multiply(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b);

/// The shape that a and b broadcast to, right-aligned. Throws ERR_SHAPE naming both.
Dims broadcast_shape(const char* op, const Dims& a, const Dims& b);

// conv2d.cpp: shared with conv_bn_act.
Conv2dProblem conv2d_problem(const OpCall& call, const Tensor& x, const Tensor& filter);
/// Does what `reception` says in the same pass.
Tensor conv2d_input_gradient(Conv2dProblem problem, const Tensor& dy, const Tensor& filter, const Dims& shape,
                             Reception& reception);
Tensor conv2d_filter_gradient(Conv2dProblem problem, const Tensor& x, const Tensor& in_scale,
                              const Tensor& in_shift, const Tensor& dy, const Dims& shape);

// batch_norm.cpp: shared with conv_bn_act.
struct FoldedNorm {
  Tensor scale, shift, mean, invstd;
};
/// The optional inputs gamma, beta, running mean and variance start at `first`; ints `training`, `update` at
/// `first_int`. `batch_mean` and `batch_variance` are the statistics when training.
FoldedNorm fold_norm(const OpCall& call, size_t first, size_t first_int, int64_t rows, int64_t channels,
                     const Tensor& batch_mean, const Tensor& batch_variance);
struct NormGradients {
  Tensor dx, dgamma, dbeta;
};
NormGradients norm_gradients(const BatchNormBackwardProblem& problem, const Tensor& dz, const Tensor& x,
                             const FoldedNorm& norm, bool need_dx, bool need_sums);

// ---- Checks that throw typed errors naming the op and both sides.

void expect_dtype(const OpCall& call, const char* name, const Tensor& tensor, DType dtype);
void expect_rank(const OpCall& call, const char* name, const Tensor& tensor, int rank);
void expect_shape(const OpCall& call, const char* name, const Tensor& tensor, const Dims& shape);
/// Not on the tape (or noGrad): the op changes it in place.
void expect_mutable(const OpCall& call, const char* name, const Tensor& tensor);
Dims shape_from(const OpCall& call, size_t first);

}  // namespace lapidary::ops
