#include "ops/table.h"

#include <cmath>

#include "ops/ops.h"

namespace lapidary {

std::span<const OpRow> op_table() {
  // name, ints, scalars, inputs (`?` optional, `...` any number), outputs, mutated inputs, function, kinds
  static const OpRow rows[] = {
      {"full", {"...shape"}, {"value"}, {}, 1, {}, ops::full},
      {"randomFill",
       {"kind", "...shape"},
       {"p0", "p1", "seed", "stream"},
       {},
       1,
       {},
       ops::random_fill,
       enum_names(Distribution{})},
      {"cast", {"dtype"}, {}, {"x"}, 1, {}, ops::cast},
      {"unary", {"kind"}, {"p0", "p1"}, {"x"}, 1, {}, ops::unary, enum_names(Unary{})},
      {"binary", {"kind"}, {}, {"a", "b"}, 1, {}, ops::binary, enum_names(BinaryKind{})},
      {"reduce", {"kind", "keepDims", "...axes"}, {}, {"x"}, 1, {}, ops::reduce, enum_names(Reduction{})},
      {"matmul", {"transposeA", "transposeB"}, {}, {"a", "b"}, 1, {}, ops::matmul},
      {"linear", {}, {}, {"x", "weight", "bias?"}, 1, {}, ops::linear},
      {"conv2d",
       {"strideH", "strideW", "padH", "padW", "dilationH", "dilationW", "groups"},
       {},
       {"x", "filter", "bias?"},
       1,
       {},
       ops::conv2d},
      {"batchNorm",
       {"training", "update"},
       {"eps", "momentum"},
       {"x", "gamma?", "beta?", "runningMean?", "runningVariance?"},
       1,
       {"runningMean", "runningVariance"},
       ops::batch_norm},
      {"convBnAct",
       {"strideH", "strideW", "padH", "padW", "dilationH", "dilationW", "groups", "relu", "training",
        "update", "relu6"},
       {"eps", "momentum"},
       {"x", "filter", "gamma?", "beta?", "runningMean?", "runningVariance?", "residual?"},
       1,
       {"runningMean", "runningVariance"},
       ops::conv_bn_act},
      {"normalize", {}, {}, {"x"}, 1, {}, ops::normalize},
      {"residual", {"relu"}, {}, {"a", "b"}, 1, {}, ops::residual},
      {"pool",
       {"kind", "r", "s", "strideH", "strideW", "padH", "padW", "countPadding"},
       {},
       {"x"},
       1,
       {},
       ops::pool,
       enum_names(PoolKind{})},
      {"mixedState",
       {"training", "update", "poolNorm", "edges", "...packedEdges"},
       {"eps", "momentum"},
       {"x", "...edgeTensors"},
       1,
       {"edgeTensors"},
       ops::mixed_state,
       enum_names(CandidateKind{})},
      {"softmax", {"log"}, {}, {"x"}, 1, {}, ops::softmax},
      {"crossEntropy", {"mean"}, {"smoothing"}, {"logits", "labels"}, 1, {}, ops::cross_entropy},
      {"reshape", {"...shape"}, {}, {"x"}, 1, {}, ops::reshape},
      {"transpose", {"...permutation"}, {}, {"x"}, 1, {}, ops::transpose},
      {"slice", {"axis", "start", "length"}, {}, {"x"}, 1, {}, ops::slice},
      {"concat", {"axis"}, {}, {"...xs"}, 1, {}, ops::concat},
      {"pad", {"...beforeAfter"}, {"value"}, {"x"}, 1, {}, ops::pad},
      {"gather", {"axis"}, {}, {"x", "index"}, 1, {}, ops::gather},
      {"dropout", {}, {"rate", "seed", "site"}, {"x"}, 1, {}, ops::dropout},
      {"detach", {}, {}, {"x"}, 1, {}, ops::detach},
      {"clone", {}, {}, {"x"}, 1, {}, ops::clone},
      {"assign", {}, {}, {"target", "source"}, 0, {"target"}, ops::assign},
      {"sgd",
       {"nesterov", "masked", "rateSlot"},
       {"momentum", "decay", "rateFactor"},
       {"...weightsGradientsMomentaMasks"},
       0,
       {"weights", "momenta"},
       ops::sgd},
      {"adam",
       {"decoupled", "masked", "rateSlot", "firstSlot", "secondSlot"},
       {"beta1", "beta2", "epsilon", "decay", "rateFactor"},
       {"...weightsGradientsMomentsMasks"},
       0,
       {"weights", "moments"},
       ops::adam},
      {"lerp", {"shareSlot"}, {}, {"...averagesValues"}, 0, {"averages"}, ops::lerp},
      {"norm2", {}, {}, {"...xs"}, 1, {}, ops::norm2},
      {"clipNorm", {}, {"limit"}, {"norm", "...xs"}, 0, {"xs"}, ops::clip_norm},
      {"pgdStart",
       {"norm"},
       {"epsilon", "low", "high", "seed", "site"},
       {"x", "sampleIndex"},
       1,
       {},
       ops::pgd_start,
       enum_names(BallNorm{})},
      {"pgdStep",
       {"norm"},
       {"step", "epsilon", "low", "high"},
       {"adversarial", "gradient", "x"},
       1,
       {},
       ops::pgd_step,
       enum_names(BallNorm{})},
      {"channelScores", {"kind"}, {}, {"filter"}, 1, {}, ops::channel_scores, enum_names(ScoreKind{})},
      {"pruneMask", {}, {"pruned"}, {"...weightsMasks"}, 0, {"weights", "masks"}, ops::prune_mask},
      {"augment", {"train", "pad", "flip", "cutout"}, {"seed"}, {"images", "index"}, 1, {}, ops::augment},
      {"drawTransforms",
       {"height", "width", "view", "...steps"},
       {"seed", "site"},
       {"index", "ranges"},
       1,
       {},
       ops::draw_transforms,
       enum_names(data::TransformKind{})},
      {"transformImages",
       {"...steps"},
       {},
       {"images", "index?", "parameters"},
       1,
       {},
       ops::transform_images,
       enum_names(data::TransformKind{})},
      {"drawShapes10", {"count"}, {"seed", "first"}, {}, 2, {}, ops::draw_shapes10},
      {"drawScenes", {"count"}, {"seed", "first"}, {}, 2, {}, ops::draw_scenes},
  };
  return rows;
}

OpCall::OpCall(const OpRow& row, bool record, std::span<const int32_t> ints, std::span<const double> scalars,
               std::vector<Tensor> inputs)
    : row_(row), record_(record), ints_(ints), scalars_(scalars), inputs_(std::move(inputs)) {
  const auto check = [&](const char* what, const std::vector<const char*>& names, size_t came) {
    const bool variadic = !names.empty() && names.back()[0] == '.';
    const size_t wanted = names.size() - (variadic ? 1 : 0);
    if (came < wanted || (!variadic && came > wanted)) {
      fail(ErrorCode::Argument, "[%s] expected %s%zu %s, got %zu", row.name, variadic ? "at least " : "",
           wanted, what, came);
    }
  };
  check("ints", row.ints, ints.size());
  check("scalars", row.scalars, scalars.size());
  check("tensors", row.inputs, inputs_.size());
  for (size_t index = 0; index < inputs_.size(); ++index) {
    const char* name = row.inputs[std::min(index, row.inputs.size() - 1)];
    const bool optional = name[0] != '.' && name[std::char_traits<char>::length(name) - 1] == '?';
    if (!inputs_[index] && !optional)
      fail(ErrorCode::Argument, "[%s] expected a tensor for %s, got none", row.name, name);
  }
}

const Tensor& OpCall::input(size_t index) const {
  const Tensor& tensor = inputs_[index];
  if (tensor && tensor.pending()) {
    fail(ErrorCode::Argument, "[%s] expected a dense tensor for %s, got a Normed; call .tensor() on it first",
         row_.name, row_.inputs[std::min(index, row_.inputs.size() - 1)]);
  }
  return tensor;
}

std::span<const Tensor> OpCall::inputs_from(size_t index) const {
  for (size_t each = index; each < inputs_.size(); ++each) input(each);
  return std::span(inputs_).subspan(index);
}

int32_t OpCall::int_in(size_t index, int32_t low, int32_t high) const {
  const int32_t value = ints_[index];
  if (value < low || value > high) {
    fail(ErrorCode::Argument, "[%s] expected %s in [%d, %d], got %d", row_.name,
         row_.ints[std::min(index, row_.ints.size() - 1)], low, high, value);
  }
  return value;
}

double OpCall::scalar(size_t index) const {
  if (!std::isfinite(scalars_[index])) {
    fail(ErrorCode::Argument, "[%s] expected a finite %s, got %g", row_.name, row_.scalars[index],
         scalars_[index]);
  }
  return scalars_[index];
}

double OpCall::scalar_in(size_t index, double low, double high) const {
  const double value = scalar(index);
  if (value < low || value > high) {
    fail(ErrorCode::Argument, "[%s] expected %s in [%g, %g], got %g", row_.name, row_.scalars[index], low,
         high, value);
  }
  return value;
}

int64_t OpCall::seed(size_t index) const {
  const double value = scalar_in(index, 0, 9007199254740991.0);
  if (value != std::floor(value)) {
    fail(ErrorCode::Argument, "[%s] expected %s to be a whole number, got %g", row_.name, row_.scalars[index],
         value);
  }
  return static_cast<int64_t>(value);
}

}  // namespace lapidary
