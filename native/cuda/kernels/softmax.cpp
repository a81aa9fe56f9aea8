// Host side of the softmax and cross-entropy kernels: see cuda/kernels/softmax/.
#include "ops/softmax.h"

#include <array>
#include <bit>

#include "cuda/kernels/reduce.h"
#include "cuda/launch_context.h"
#include "kernels/softmax/cross_entropy.h"
#include "kernels/softmax/softmax.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t kWarpBlock = 128;  // threads of a block whose warps have rows of their own
constexpr Extent kRowBlock{256};     // of a block that has one row

template <class Problem>
std::string fits_a_warp(const Problem& p) {
  return p.classes <= 1024 ? "" : "expected at most 1,024 classes";
}

/// Lanes of a row, and which of the kernels by elements a lane.
struct LaneGroups {
  unsigned lanes;
  int variant;
  Extent grid;
  template <class Problem>
  explicit LaneGroups(const Problem& p)
      : lanes(static_cast<unsigned>(std::bit_ceil(std::min<uint64_t>(p.classes, 32)))),
        variant(p.classes <= 32    ? 0
                : p.classes <= 256 ? 1
                                   : 2),
        grid{ceil_div(p.rows, kWarpBlock / lanes)} {}
};

double elements(int64_t rows, int64_t classes, int64_t each) {
  return static_cast<double>(rows * classes * each) * sizeof(float);
}

void softmax_warps(const SoftmaxProblem& p, const SoftmaxForward<float>& a, LaunchContext& context) {
  constexpr std::array kNames = {"softmax_warp_1", "softmax_warp_8", "softmax_warp_32"};
  const LaneGroups groups(p);
  context.launch({"softmax", kNames[groups.variant]}, groups.grid, {kWarpBlock},
                 SoftmaxForwardParameters{a.x, a.y, p.rows, p.classes, groups.lanes, p.logarithm});
}

double softmax_block_traffic(const SoftmaxProblem& p) { return elements(p.rows, p.classes, 3); }

void softmax_blocks(const SoftmaxProblem& p, const SoftmaxForward<float>& a, LaunchContext& context) {
  context.launch({"softmax", "softmax_block"}, {p.rows}, kRowBlock,
                 SoftmaxForwardParameters{a.x, a.y, p.rows, p.classes, 32, p.logarithm});
}

void softmax_backward_warps(const SoftmaxProblem& p, const SoftmaxBackward<float>& a,
                            LaunchContext& context) {
  constexpr std::array kNames = {"softmax_backward_warp_1", "softmax_backward_warp_8",
                                 "softmax_backward_warp_32"};
  const LaneGroups groups(p);
  context.launch({"softmax", kNames[groups.variant]}, groups.grid, {kWarpBlock},
                 SoftmaxBackwardParameters{a.y, a.dy, a.dx, p.rows, p.classes, groups.lanes, p.logarithm});
}

double softmax_backward_block_traffic(const SoftmaxProblem& p) {
  return elements(p.rows, p.classes, p.logarithm ? 4 : 5);
}

void softmax_backward_blocks(const SoftmaxProblem& p, const SoftmaxBackward<float>& a,
                             LaunchContext& context) {
  context.launch({"softmax", "softmax_backward_block"}, {p.rows}, kRowBlock,
                 SoftmaxBackwardParameters{a.y, a.dy, a.dx, p.rows, p.classes, 32, p.logarithm});
}

FaultWord* label_fault_word(const CrossEntropyProblem& p, LaunchContext& context) {
  return context.fault_word([classes = p.classes](uint32_t row, int32_t label) {
    return Error(ErrorCode::Index, label_fault(classes, label, row));
  });
}

// The rows' losses, in whole vectors, then what their sum needs.
int64_t loss_room(const CrossEntropyProblem& p) { return ceil_div(p.rows, 4) * 4; }
size_t loss_workspace(const CrossEntropyProblem& p) {
  return p.mean ? static_cast<size_t>(loss_room(p)) * sizeof(float) + vector_sum_workspace(p.rows) : 0;
}

/// `launch_rows` makes the rows' losses.
template <class LaunchRows>
void forward(const CrossEntropyProblem& p, const CrossEntropyForward<float>& a, LaunchContext& context,
             unsigned lanes, LaunchRows launch_rows) {
  auto* losses = p.mean ? static_cast<float*>(context.workspace) : a.loss;
  launch_rows(CrossEntropyForwardParameters{a.logits, a.labels, losses, a.log_sum_exp,
                                            label_fault_word(p, context), p.rows, p.classes, lanes,
                                            p.smoothing});
  if (!p.mean) return;
  launch_vector_sum(context, losses, p.rows, static_cast<float>(1 / static_cast<double>(p.rows)), a.loss,
                    losses + loss_room(p));
}

// Logits, their label's again, label, loss and log_sum_exp of each row.
double forward_traffic(const CrossEntropyProblem& p, int64_t passes) {
  return elements(p.rows, passes * p.classes + 4, 1) + (p.mean ? vector_sum_traffic(p.rows) : 0);
}
double forward_warp_traffic(const CrossEntropyProblem& p) { return forward_traffic(p, 1); }
double forward_block_traffic(const CrossEntropyProblem& p) {
  return forward_traffic(p, p.smoothing != 0 ? 2 : 1);
}

void forward_warps(const CrossEntropyProblem& p, const CrossEntropyForward<float>& a,
                   LaunchContext& context) {
  constexpr std::array kNames = {"cross_entropy_warp_1", "cross_entropy_warp_8", "cross_entropy_warp_32"};
  const LaneGroups groups(p);
  forward(p, a, context, groups.lanes, [&](const CrossEntropyForwardParameters& parameters) {
    context.launch({"cross_entropy", kNames[groups.variant]}, groups.grid, {kWarpBlock}, parameters);
  });
}

void forward_blocks(const CrossEntropyProblem& p, const CrossEntropyForward<float>& a,
                    LaunchContext& context) {
  forward(p, a, context, 32, [&](const CrossEntropyForwardParameters& parameters) {
    context.launch({"cross_entropy", "cross_entropy_block"}, {p.rows}, kRowBlock, parameters);
  });
}

int64_t backward_threads(const CrossEntropyProblem& p) {
  return std::min(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(ceil_div(p.classes, 4)))),
                  kRowBlock.x);
}
// A thread loads the label, dloss and log_sum_exp of its row.
double backward_traffic(const CrossEntropyProblem& p) {
  return elements(p.rows, 2 * p.classes + 3 * backward_threads(p), 1);
}

void backward_rows(const CrossEntropyProblem& p, const CrossEntropyBackward<float>& a,
                   LaunchContext& context) {
  const int64_t threads = backward_threads(p);
  context.launch({"cross_entropy", "cross_entropy_backward"}, {ceil_div(p.rows, kRowBlock.x / threads)},
                 kRowBlock,
                 CrossEntropyBackwardParameters{a.logits, a.labels, a.log_sum_exp, a.dloss, a.dlogits,
                                                label_fault_word(p, context), p.rows, p.classes,
                                                static_cast<unsigned>(threads), p.smoothing, p.mean});
}

}  // namespace

ImplementationList softmax_forward() {
  return {implementation<SoftmaxForward<float>, &softmax_warps, &fits_a_warp<SoftmaxProblem>>("warp_rows"),
          with_traffic<SoftmaxProblem, &softmax_block_traffic>(
              implementation<SoftmaxForward<float>, &softmax_blocks>("block_rows"))};
}
ImplementationList softmax_backward() {
  return {implementation<SoftmaxBackward<float>, &softmax_backward_warps, &fits_a_warp<SoftmaxProblem>>(
              "warp_rows"),
          with_traffic<SoftmaxProblem, &softmax_backward_block_traffic>(
              implementation<SoftmaxBackward<float>, &softmax_backward_blocks>("block_rows"))};
}
ImplementationList cross_entropy_forward() {
  return {with_traffic<CrossEntropyProblem, &forward_warp_traffic>(
              implementation<CrossEntropyForward<float>, &forward_warps, &fits_a_warp<CrossEntropyProblem>,
                             &loss_workspace>("warp_rows")),
          with_traffic<CrossEntropyProblem, &forward_block_traffic>(
              implementation<CrossEntropyForward<float>, &forward_blocks, nullptr, &loss_workspace>(
                  "block_rows"))};
}
ImplementationList cross_entropy_backward() {
  return {with_traffic<CrossEntropyProblem, &backward_traffic>(
      implementation<CrossEntropyBackward<float>, &backward_rows>("threads"))};
}

}  // namespace lapidary::cuda
