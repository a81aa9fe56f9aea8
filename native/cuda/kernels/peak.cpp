// Host side of the peak kernels: see cuda/kernels/peak.cu.
#include "ops/peak.h"

#include "cuda/launch_context.h"
#include "kernels/peak.h"

namespace lapidary::cuda {
namespace {

constexpr int64_t kBlock = 256;

double warps(int64_t count) {
  const int64_t all = ceil_div(count, 4 * kBlock) * (kBlock / 32);
  return static_cast<double>(all);
}

void chains(const FmaChainsProblem& p, const FmaChains<float>& args, LaunchContext& context) {
  context.launch({"peak", "fma_chains"}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
                 FmaChainsParameters{args.x, args.factor, args.addend, args.y, p.count, p.steps});
}
double chains_bytes(const FmaChainsProblem& p) {
  return 8 * static_cast<double>(p.count) + 8 * warps(p.count);
}

/// Parts of a piece, each of 64 KB: 16 vectors a thread.
constexpr int64_t kPart = 16 * 4 * kBlock;
int64_t parts(const StreamProblem& p) { return ceil_div(p.piece(), kPart); }

size_t sums_bytes(const StreamProblem& p) {
  return parts(p) == 1 ? 0 : static_cast<size_t>(p.kPieces * parts(p)) * 4;
}

void read(const StreamProblem& p, const StreamRead<float>& args, LaunchContext& context) {
  const int64_t many = parts(p);
  float* sums = many == 1 ? args.y : static_cast<float*>(context.workspace);
  context.launch({"peak", "stream_read"}, {p.kPieces * many}, {kBlock},
                 StreamReadParameters{args.x, sums, p.count, p.piece(), many, kPart});
  if (many > 1) {
    context.launch({"peak", "stream_sum"}, {p.kPieces}, {kBlock}, StreamSumParameters{sums, args.y, many});
  }
}
double read_bytes(const StreamProblem& p) {
  return 4 * static_cast<double>(p.count + p.kPieces) + 2 * static_cast<double>(sums_bytes(p));
}

void triad(const StreamProblem& p, const StreamTriad<float>& args, LaunchContext& context) {
  context.launch({"peak", "stream_triad"}, {ceil_div(p.count, 4 * kBlock)}, {kBlock},
                 StreamTriadParameters{args.a, args.b, args.factor, args.y, p.count});
}
double triad_bytes(const StreamProblem& p) { return 12 * static_cast<double>(p.count) + 4 * warps(p.count); }

}  // namespace

ImplementationList fma_chains() {
  return {with_traffic<FmaChainsProblem, &chains_bytes>(
      implementation<FmaChains<float>, &chains>("register_chains"))};
}
ImplementationList stream_read() {
  return {with_traffic<StreamProblem, &read_bytes>(
      implementation<StreamRead<float>, &read, nullptr, &sums_bytes>("streaming"))};
}
ImplementationList stream_triad() {
  return {with_traffic<StreamProblem, &triad_bytes>(implementation<StreamTriad<float>, &triad>("streaming"))};
}

}  // namespace lapidary::cuda
