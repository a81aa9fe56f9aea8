// Host side of the pruning kernels: see cuda/kernels/prune.cu.
#include "ops/prune.h"

#include "cuda/kernels/tensor_tables.h"
#include "kernels/prune.h"

namespace lapidary::cuda {
namespace {

void channel_scores_rows(const ChannelScoresProblem& p, const ChannelScores<float>& a,
                         LaunchContext& context) {
  const ChannelScoresParameters parameters{a.filter, a.score, p.channels, p.weights, p.kind == ScoreKind::L2};
  if (p.weights < 1024)
    context.launch({"prune", "channel_scores_warps"}, {ceil_div(p.channels, 8)}, {256}, parameters);
  else
    context.launch({"prune", "channel_scores_blocks"}, {p.channels}, {256}, parameters);
}

// Digits from the most significant on: shift and count of bits.
struct Digit {
  int32_t shift, bits;
};
constexpr Digit kDigits[] = {{20, 11}, {10, 10}, {0, 10}};

Error unordered(const Counts& counts, int64_t place) {
  size_t tensor = 0;
  while (tensor + 1 < counts.size() && place >= counts[tensor]) place -= counts[tensor++];
  return Error(
      ErrorCode::NonFinite,
      format("expected weights without NaN to prune by magnitude, found one at element %lld of tensor "
             "%zu; no weight was changed",
             static_cast<long long>(place), tensor));
}

size_t magnitude_threshold_workspace(const MagnitudeMaskProblem&) { return sizeof(RadixSelection); }

void magnitude_threshold_radix(const MagnitudeMaskProblem& p, const MagnitudeThreshold<float>& a,
                               LaunchContext& context) {
  const std::array lists{tensor_list(a.weights)};
  auto* selection = static_cast<RadixSelection*>(context.workspace);
  context.set_zero(selection, sizeof *selection);
  FaultWord* fault = context.fault_word([counts = p.counts](uint32_t high, int32_t low) {
    return unordered(counts, static_cast<int64_t>(high) << 32 | static_cast<uint32_t>(low));
  });
  for (const Digit& digit : kDigits) {
    for_tables(p.counts, lists, kTiePiece, [&](const TensorTable<1>& table, int64_t chunks) {
      context.launch({"prune", "count_digit"}, {chunks}, {kChunkThreads},
                     CountDigitParameters{table, selection, kTiePiece, fault, digit.shift, digit.bits});
    });
    context.launch({"prune", "choose_digit"}, {1}, {kMostBins / 2},
                   ChooseDigitParameters{selection, p.pruned, digit.bits});
    fault = nullptr;
  }
  context.set_zero(a.ties, static_cast<size_t>(p.pieces()) * sizeof(int32_t));
  for_tables(p.counts, lists, kTiePiece, [&](const TensorTable<1>& table, int64_t chunks) {
    context.launch({"prune", "count_ties"}, {chunks}, {kChunkThreads},
                   CountTiesParameters{table, selection, a.ties, kTiePiece});
  });
  context.launch({"prune", "share_ties"}, {1}, {1024},
                 ShareTiesParameters{selection, p.pruned, a.ties, p.pieces(), a.threshold});
}

// A word a launch; tables hold more than 100 tensors.
size_t prune_mask_workspace(const MagnitudeMaskProblem& p) {
  return static_cast<size_t>(ceil_div(static_cast<int64_t>(p.counts.size()), TensorTable<2>::kMostTensors)) *
         sizeof(int32_t);
}

void prune_mask_pieces(const MagnitudeMaskProblem& p, const PruneMask<float>& a, LaunchContext& context) {
  auto* taken = static_cast<int32_t*>(context.workspace);
  for_tables(p.counts, std::array{tensor_list(a.weights), tensor_list(a.masks)}, kTiePiece,
             [&](const TensorTable<2>& table, int64_t) {
               const int64_t begin = table.start[0], end = table.start[table.tensors];
               const int64_t first = begin / kTiePiece, pieces = ceil_div(end, kTiePiece) - first;
               context.launch({"prune", "prune_mask"}, {pieces}, {kChunkThreads},
                              PruneMaskParameters{table, a.threshold, a.ties, kTiePiece, first,
                                                  begin % kTiePiece ? taken - 1 : nullptr,
                                                  end % kTiePiece && end != p.total() ? taken : nullptr});
               ++taken;
             });
}

// As the opening block of the .cu says.
double channel_scores_bytes(const ChannelScoresProblem& p) {
  return 4.0 * static_cast<double>(p.channels) * static_cast<double>(p.weights + 1);
}
double magnitude_threshold_bytes(const MagnitudeMaskProblem& p) {
  constexpr double kChoices = 3 * 34140.0 + 8224;
  return 16 * static_cast<double>(p.total()) + 16 * static_cast<double>(chunks_of(p.counts, kTiePiece)) +
         8 * static_cast<double>(p.pieces()) + kChoices;
}
double prune_mask_bytes(const MagnitudeMaskProblem& p) {
  const int64_t launches = ceil_div(static_cast<int64_t>(p.counts.size()), TensorTable<2>::kMostTensors);
  // A piece that two launches share is begun by both.
  return 9 * static_cast<double>(p.total()) + 8 * static_cast<double>(p.pieces()) +
         20 * static_cast<double>(launches);
}

}  // namespace

ImplementationList channel_scores() {
  return {with_traffic<ChannelScoresProblem, &channel_scores_bytes>(
      implementation<ChannelScores<float>, &channel_scores_rows>("rows"))};
}
ImplementationList magnitude_threshold() {
  return {with_traffic<MagnitudeMaskProblem, &magnitude_threshold_bytes>(
      implementation<MagnitudeThreshold<float>, &magnitude_threshold_radix, nullptr,
                     &magnitude_threshold_workspace>("radix"))};
}
ImplementationList prune_mask() {
  return {with_traffic<MagnitudeMaskProblem, &prune_mask_bytes>(
      implementation<PruneMask<float>, &prune_mask_pieces, nullptr, &prune_mask_workspace>("pieces"))};
}

}  // namespace lapidary::cuda
