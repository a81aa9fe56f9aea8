// Host side of the pgd kernels: see cuda/kernels/pgd_linf.cu and pgd_l2.cu.
#include "ops/pgd.h"

#include <algorithm>

#include "cuda/launch_context.h"
#include "kernels/pgd_l2.h"
#include "kernels/pgd_linf.h"

namespace lapidary::cuda {
namespace {

template <class Problem>
std::string linf_only(const Problem& p) {
  return p.norm == BallNorm::Linf ? "" : "expected the l_inf ball";
}
template <class Problem>
std::string sample_only(const Problem& p) {
  return p.norm == BallNorm::L2 && p.features <= kPgdChunk
             ? ""
             : "expected the l_2 ball, and samples of 4,096 elements at the most";
}
template <class Problem>
std::string l2_only(const Problem& p) {
  return p.norm == BallNorm::L2 ? "" : "expected the l_2 ball";
}

template <class Problem>
double elements(const Problem& p) {
  return static_cast<double>(p.samples * p.features);
}
template <class Problem>
uint32_t chunks(const Problem& p) {
  return static_cast<uint32_t>(ceil_div(p.features, kPgdChunk));
}
template <class Problem>
double blocks(const Problem& p) {
  return static_cast<double>(p.samples * chunks(p));
}
constexpr int64_t kBlockWarps = kPgdBlock / 32;
constexpr auto kWarps = static_cast<double>(kBlockWarps);

/// Threads of a block of pgd_linf_start, each with 4 elements of one sample.
int64_t start_block(const PgdStartProblem& p) {
  return std::min<int64_t>(256, ceil_div(ceil_div(p.features, 4), 32) * 32);
}

void linf_start(const PgdStartProblem& p, const PgdStart<float>& args, LaunchContext& context) {
  const int64_t block = start_block(p), pieces = ceil_div(p.features, 4 * block);
  context.launch(
      {"pgd_linf", "pgd_linf_start"}, {p.samples * pieces}, {block},
      PgdLinfStartParameters{args.x, args.sample_index, args.y, p.features, static_cast<uint32_t>(pieces),
                             p.epsilon, p.low, p.high, static_cast<uint64_t>(p.seed),
                             static_cast<uint64_t>(p.site), context.step});
}
double linf_start_bytes(const PgdStartProblem& p) {
  const int64_t block = start_block(p), warps = p.samples * ceil_div(p.features, 4 * block) * (block / 32);
  return 8 * elements(p) + 12 * static_cast<double>(warps);
}

PgdL2StartParameters l2_start_parameters(const PgdStartProblem& p, const PgdStart<float>& args,
                                         const LaunchContext& context) {
  auto* squares = static_cast<double*>(context.workspace);
  auto* factor = reinterpret_cast<float*>(squares + p.samples * chunks(p));
  return {args.x,
          args.sample_index,
          args.y,
          squares,
          factor,
          p.features,
          chunks(p),
          p.epsilon,
          p.low,
          p.high,
          static_cast<uint64_t>(p.seed),
          static_cast<uint64_t>(p.site),
          context.step};
}

void l2_start(const PgdStartProblem& p, const PgdStart<float>& args, LaunchContext& context) {
  context.launch({"pgd_l2", "pgd_l2_start"}, {p.samples}, {kPgdBlock}, l2_start_parameters(p, args, context));
}
double l2_start_bytes(const PgdStartProblem& p) {
  return 8 * elements(p) + 12 * kWarps * static_cast<double>(p.samples);
}

void l2_start_chunks(const PgdStartProblem& p, const PgdStart<float>& args, LaunchContext& context) {
  const PgdL2StartParameters parameters = l2_start_parameters(p, args, context);
  const Extent each_chunk{p.samples * chunks(p)}, each_sample{p.samples}, block{kPgdBlock};
  context.launch({"pgd_l2", "pgd_l2_start_squares"}, each_chunk, block, parameters);
  context.launch({"pgd_l2", "pgd_l2_start_factor"}, each_sample, block, parameters);
  context.launch({"pgd_l2", "pgd_l2_start_move"}, each_chunk, block, parameters);
}
size_t l2_start_workspace(const PgdStartProblem& p) {
  return static_cast<size_t>(p.samples) * (static_cast<size_t>(chunks(p)) * sizeof(double) + sizeof(float));
}
double l2_start_chunks_bytes(const PgdStartProblem& p) {
  const auto samples = static_cast<double>(p.samples);
  return 8 * elements(p) + (12 * kWarps + 8) * blocks(p) + 8 * blocks(p) + (12 * kWarps + 4) * samples +
         16 * kWarps * blocks(p);
}

void linf_step(const PgdStepProblem& p, const PgdStep<float>& args, LaunchContext& context) {
  const int64_t count = p.samples * p.features;
  context.launch({"pgd_linf", "pgd_linf_step"}, {ceil_div(count, 4 * 256)}, {256},
                 PgdLinfStepParameters{args.x_adv, args.gradient, args.x, args.y, count, p.step, p.epsilon,
                                       p.low, p.high});
}

PgdL2StepParameters l2_step_parameters(const PgdStepProblem& p, const PgdStep<float>& args,
                                       const LaunchContext& context) {
  auto* products = static_cast<PgdL2Products*>(context.workspace);
  auto* factors = reinterpret_cast<PgdL2Factors*>(products + p.samples * chunks(p));
  return {args.x_adv, args.gradient, args.x, args.y,    products, factors,
          p.features, chunks(p),     p.step, p.epsilon, p.low,    p.high};
}

void l2_step(const PgdStepProblem& p, const PgdStep<float>& args, LaunchContext& context) {
  context.launch({"pgd_l2", "pgd_l2_step"}, {p.samples}, {kPgdBlock}, l2_step_parameters(p, args, context));
}

void l2_step_chunks(const PgdStepProblem& p, const PgdStep<float>& args, LaunchContext& context) {
  const PgdL2StepParameters parameters = l2_step_parameters(p, args, context);
  const Extent each_chunk{p.samples * chunks(p)}, each_sample{p.samples}, block{kPgdBlock};
  context.launch({"pgd_l2", "pgd_l2_step_products"}, each_chunk, block, parameters);
  context.launch({"pgd_l2", "pgd_l2_step_factors"}, each_sample, block, parameters);
  context.launch({"pgd_l2", "pgd_l2_step_move"}, each_chunk, block, parameters);
}
size_t l2_step_workspace(const PgdStepProblem& p) {
  return static_cast<size_t>(p.samples) *
         (static_cast<size_t>(chunks(p)) * sizeof(PgdL2Products) + sizeof(PgdL2Factors));
}
double l2_step_chunks_bytes(const PgdStepProblem& p) {
  return 28 * elements(p) + (2 * sizeof(PgdL2Products) + 12 * kWarps) * blocks(p) +
         12 * static_cast<double>(p.samples);
}

}  // namespace

ImplementationList pgd_start() {
  return {
      with_traffic<PgdStartProblem, &linf_start_bytes>(
          implementation<PgdStart<float>, &linf_start, &linf_only<PgdStartProblem>>("linf")),
      with_traffic<PgdStartProblem, &l2_start_bytes>(
          implementation<PgdStart<float>, &l2_start, &sample_only<PgdStartProblem>>("l2_sample")),
      with_traffic<PgdStartProblem, &l2_start_chunks_bytes>(
          implementation<PgdStart<float>, &l2_start_chunks, &l2_only<PgdStartProblem>, &l2_start_workspace>(
              "l2_chunks"))};
}
ImplementationList pgd_step() {
  return {implementation<PgdStep<float>, &linf_step, &linf_only<PgdStepProblem>>("linf"),
          implementation<PgdStep<float>, &l2_step, &sample_only<PgdStepProblem>>("l2_sample"),
          with_traffic<PgdStepProblem, &l2_step_chunks_bytes>(
              implementation<PgdStep<float>, &l2_step_chunks, &l2_only<PgdStepProblem>, &l2_step_workspace>(
                  "l2_chunks"))};
}

}  // namespace lapidary::cuda
