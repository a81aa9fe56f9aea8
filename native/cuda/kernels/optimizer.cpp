// Host side of the optimiser kernels: see cuda/kernels/optimizer.cu.
#include "ops/optimizer.h"

#include "cuda/kernels/tensor_tables.h"
#include "kernels/optimizer.h"

namespace lapidary::cuda {
namespace {

void sgd_chunks(const SgdProblem& p, const Sgd<float>& a, LaunchContext& context) {
  const std::array lists{tensor_list(a.weights), tensor_list(a.gradients), tensor_list(a.momenta),
                         tensor_list(a.masks)};
  for_tables(p.counts, lists, kChunk, [&](const TensorTable<4>& table, int64_t chunks) {
    context.launch({"optimizer", "sgd"}, {chunks}, {kChunkThreads},
                   SgdParameters{table, context.step, static_cast<int32_t>(p.rate_slot), p.rate_factor,
                                 p.momentum, p.decay, a.momenta != nullptr, p.nesterov, p.masked});
  });
}

void adam_chunks(const AdamProblem& p, const Adam<float>& a, LaunchContext& context) {
  const std::array lists{tensor_list(a.weights), tensor_list(a.gradients), tensor_list(a.firsts),
                         tensor_list(a.seconds), tensor_list(a.masks)};
  const auto slot = [](int64_t number) { return static_cast<int32_t>(number); };
  for_tables(p.counts, lists, kChunk, [&](const TensorTable<5>& table, int64_t chunks) {
    context.launch(
        {"optimizer", "adam"}, {chunks}, {kChunkThreads},
        AdamParameters{table, context.step, slot(p.rate_slot), slot(p.first_slot), slot(p.second_slot),
                       p.rate_factor, static_cast<float>(1 - p.beta1), static_cast<float>(p.beta2),
                       static_cast<float>(1 - p.beta2), p.epsilon, p.decay, p.decoupled, p.masked});
  });
}

void lerp_chunks(const LerpProblem& p, const Lerp<float>& a, LaunchContext& context) {
  const std::array lists{tensor_list(a.averages), tensor_list(a.values)};
  for_tables(p.counts, lists, kChunk, [&](const TensorTable<2>& table, int64_t chunks) {
    context.launch({"optimizer", "lerp"}, {chunks}, {kChunkThreads},
                   LerpParameters{table, context.step, static_cast<int32_t>(p.share_slot)});
  });
}

size_t norm2_workspace(const Norm2Problem& p) {
  return static_cast<size_t>(chunks_of(p.counts)) * sizeof(float);
}

void norm2_chunks(const Norm2Problem& p, const Norm2<float>& a, LaunchContext& context) {
  auto* sums = static_cast<float*>(context.workspace);
  int64_t done = 0;
  for_tables(p.counts, std::array{tensor_list(a.x)}, kChunk,
             [&](const TensorTable<1>& table, int64_t chunks) {
               context.launch({"optimizer", "squares"}, {chunks}, {kChunkThreads},
                              SquaresParameters{table, sums + done});
               done += chunks;
             });
  context.launch({"optimizer", "root_of_sum"}, {1}, {1024}, RootOfSumParameters{sums, done, a.norm});
}

void clip_norm_chunks(const ClipNormProblem& p, const ClipNorm<float>& a, LaunchContext& context) {
  for_tables(p.counts, std::array{tensor_list(a.x)}, kChunk,
             [&](const TensorTable<1>& table, int64_t chunks) {
               context.launch({"optimizer", "clip_norm"}, {chunks}, {kChunkThreads},
                              ClipNormParameters{table, a.norm, p.limit});
             });
}

// As the opening block of the .cu says.
double bytes_of(const Counts& counts, double an_element, double a_chunk) {
  return an_element * static_cast<double>(total_of(counts)) +
         a_chunk * static_cast<double>(chunks_of(counts));
}
double sgd_bytes(const SgdProblem& p) {
  return bytes_of(p.counts, 12 + (p.momentum != 0 ? 8 : 0) + (p.masked ? 1 : 0), 4);
}
double adam_bytes(const AdamProblem& p) { return bytes_of(p.counts, 28 + (p.masked ? 1 : 0), 12); }
double lerp_bytes(const LerpProblem& p) { return bytes_of(p.counts, 12, 4); }
double norm2_bytes(const Norm2Problem& p) { return bytes_of(p.counts, 4, 8) + 4; }
double clip_norm_bytes(const ClipNormProblem& p) { return bytes_of(p.counts, 8, 4); }

}  // namespace

ImplementationList sgd() {
  return {with_traffic<SgdProblem, &sgd_bytes>(implementation<Sgd<float>, &sgd_chunks>("chunks"))};
}
ImplementationList adam() {
  return {with_traffic<AdamProblem, &adam_bytes>(implementation<Adam<float>, &adam_chunks>("chunks"))};
}
ImplementationList lerp() {
  return {with_traffic<LerpProblem, &lerp_bytes>(implementation<Lerp<float>, &lerp_chunks>("chunks"))};
}
ImplementationList norm2() {
  return {with_traffic<Norm2Problem, &norm2_bytes>(
      implementation<Norm2<float>, &norm2_chunks, nullptr, &norm2_workspace>("chunks"))};
}
ImplementationList clip_norm() {
  return {with_traffic<ClipNormProblem, &clip_norm_bytes>(
      implementation<ClipNorm<float>, &clip_norm_chunks>("chunks"))};
}

}  // namespace lapidary::cuda
