// Separable convolutions of a mixedState, forward: activation, depthwise convolution, pointwise convolution
// and the statistics of the result, several branches of one state, or several second halves, in one pass.
//
// Variants
//   images  an image's activation is copied once into zero-padded scratch (in the second-level cache) and
//   read by all of
//           its branches. Row by row the depthwise convolution goes to a buffer in the first-level cache and
//           from there through the pointwise product, whose tiles are stored and summed up while they are in
//           registers. Sums are of deviations from the chunk's first pixel, so nothing cancels; (mean, M2) of
//           the chunks are merged in order.
//   ref     the same sums, a value at a time, in double.
//
// Per branch: N P Q C (taps^2 + C) 2 FLOPs; x is read once for all branches, y written once (4 bytes an
// element each). C = 16, H = 32, 5x5: 82 FLOPs a byte: bound by arithmetic. Bench: npm run bench:kernel --
// --kernel separable_fprop --problem "N=16 H=32 W=32 C=16 taps=3x5x3x5 dilations=1x1x2x2"
#include "cpu/kernels/mixed_state/separable.h"
#include "cpu/kernels/mixed_state/separable_ref.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void fprop_ref(const SeparableProblem& p, const SeparableFprop<T>& a, KernelContext&) {
  const int64_t c = p.c, pixels = p.n * p.p() * p.q();
  for (size_t b = 0; b < p.taps.size(); ++b) {
    const InnerPixel<T> inner(p, b, a.first[b], a.second[b], a.x[p.normed ? b : 0],
                              p.normed ? a.mean[b] : nullptr, p.normed ? a.variance[b] : nullptr);
    std::vector<double> t(static_cast<size_t>(inner.count()));
    for (int64_t at = 0; at < pixels; ++at) {
      inner.values(at, t.data());
      for (int64_t k = 0; k < c; ++k) {
        double sum = 0;
        for (int64_t i = 0; i < inner.count(); ++i) sum += t[static_cast<size_t>(i)] * inner.pointwise(k, i);
        a.y[b][at * c + k] = static_cast<T>(sum);
      }
    }
    for (int64_t k = 0; p.statistics && k < c; ++k) {
      double sum = 0, squares = 0;
      for (int64_t at = 0; at < pixels; ++at) sum += a.y[b][at * c + k];
      const double mean = sum / static_cast<double>(pixels);
      for (int64_t at = 0; at < pixels; ++at) squares += std::pow(a.y[b][at * c + k] - mean, 2);
      a.y_mean[b][k] = static_cast<T>(mean);
      a.y_variance[b][k] = static_cast<T>(squares / static_cast<double>(pixels));
    }
  }
}

/// Sums over a chunk's pixels of one branch's deviations from its first pixel, and of their squares.
class DeviationSums {
 public:
  static int64_t floats(int64_t pitch) {
    return 3 * pitch + 4 * pitch;
  }  // of an image, in float; of the chunk, in double
  DeviationSums(float* memory, int64_t pitch)
      : pitch_(pitch),
        total_(reinterpret_cast<double*>(memory)),
        sums_(memory + 4 * pitch),
        pivot_(sums_ + 2 * pitch) {
    std::fill_n(total_, 2 * pitch, 0.0);
    std::fill_n(sums_, 2 * pitch, 0.0f);
  }
  template <int M, int V>
  void add(const Vec (&y)[M][V], int64_t column, bool first) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const int64_t at = column + v * kLanes;
      if (first) store(pivot_ + at, y[0][v]);
      const Vec pivot = load(pivot_ + at);
      Vec sum{}, squares{};
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) {
        const Vec d = y[i][v] - pivot;
        sum += d;
        squares += d * d;
      }
      store(sums_ + at, load(sums_ + at) + sum);
      store(sums_ + pitch_ + at, load(sums_ + pitch_ + at) + squares);
    }
  }
  void end_image() {
    for (int64_t i = 0; i < 2 * pitch_; ++i) total_[i] += static_cast<double>(sums_[i]);
    std::fill_n(sums_, 2 * pitch_, 0.0f);
  }
  /// [mean, M2]
  void finish(double pixels, double* to) const {
    for (int64_t i = 0; i < pitch_; ++i) {
      const double mean = total_[i] / pixels;
      to[i] = static_cast<double>(pivot_[i]) + mean;
      to[pitch_ + i] = total_[pitch_ + i] - total_[i] * mean;
    }
  }

 private:
  int64_t pitch_;
  double* total_;
  float *sums_, *pivot_;
};

struct FpropWorkspace {
  int64_t packed, norms, partials;  ///< floats
  FpropWorkspace(const SeparablePlan& plan, const SeparableProblem& p)
      : packed(packed_floats(plan, p)),
        norms(p.normed ? p.branches() * 2 * plan.pitch : 0),
        partials(plan.chunks * p.branches() * 4 * plan.pitch) {}
};

size_t fprop_workspace(const SeparableProblem& p) {
  const FpropWorkspace w(SeparablePlan(p), p);
  return static_cast<size_t>(w.packed + w.norms + w.partials) * sizeof(float);
}

/// (mean, M2) of the chunks merged in order (Chan et al.).
void merge_statistics(const SeparablePlan& plan, const SeparableProblem& p, const double* partials,
                      const SeparableFprop<float>& a) {
  for (size_t b = 0; b < p.taps.size(); ++b) {
    for (int64_t c = 0; c < plan.c; ++c) {
      double mean = 0, m2 = 0, pixels = 0;
      for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
        const double* part = partials + (chunk * p.branches() + static_cast<int64_t>(b)) * 2 * plan.pitch + c;
        const double n =
            static_cast<double>(std::min(plan.images, plan.n - chunk * plan.images) * plan.p * plan.q);
        const double delta = part[0] - mean, share = n / (pixels + n);
        m2 += part[plan.pitch] + delta * delta * pixels * share;
        mean += delta * share;
        pixels += n;
      }
      a.y_mean[b][c] = static_cast<float>(mean);
      a.y_variance[b][c] = static_cast<float>(m2 / pixels);
    }
  }
}

/// One branch of one image. `starts`: the first of its chunk.
template <class Pitch, class Channels>
void branch_image(const SeparablePlan& plan, const SeparableBranch& branch, Pitch pitch, Channels channels,
                  const float* padded, float* row, float* y, bool starts, DeviationSums& sums) {
  for (int64_t i = 0; i < plan.p; ++i, y += plan.q * channels) {
    inner_row(plan, branch, pitch, padded, i, row);
    const auto finish = [&]<int M, int V>(const Vec(&products)[M][V], int64_t first, int64_t column) {
      sums.add(products, column, starts && i == 0 && first == 0);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        const int64_t at = column + v * kLanes;
        float* to = y + first * channels + at;
        if (kKnown<Channels> || at + kLanes <= channels) {
#pragma GCC unroll 16
          for (int m = 0; m < M; ++m) store(to + m * channels, products[m][v]);
        } else {
          for (int m = 0; m < M; ++m) store(to + m * channels, products[m][v], channels - at);
        }
      }
    };
    if (branch.factorized)
      multiply_pixels(row, times<2>(pitch), plan.q, 2 * pitch, branch.pointwise, pitch, finish);
    else
      multiply_pixels(row, pitch, plan.q, plan.c, branch.pointwise, pitch, finish);
  }
  sums.end_image();
}

void fprop_images(const SeparableProblem& p, const SeparableFprop<float>& a, KernelContext& context) {
  const SeparablePlan plan(p);
  const FpropWorkspace workspace(plan, p);
  auto* packed = static_cast<float*>(context.workspace);
  float* norms = packed + workspace.packed;
  auto* partials = reinterpret_cast<double*>(norms + workspace.norms);
  const std::vector<SeparableBranch> branches = pack_branches(plan, p, a.first, a.second, packed, context);
  const int64_t count = p.branches();
  for (int64_t b = 0; p.normed && b < count; ++b)
    fold_norm(plan, a.mean[b], a.variance[b], p.eps, norms + b * 2 * plan.pitch);

  const int64_t sums_floats = DeviationSums::floats(plan.pitch);
  const int64_t scratch_floats = count * sums_floats + plan.padded_floats + 2 * plan.q * plan.pitch;
  with_layout(plan, [&](auto pitch, auto channels) {
    context.parallel(plan.chunks, [&](int64_t chunk, int worker) {
      auto* scratch =
          static_cast<float*>(context.scratch(worker, static_cast<size_t>(scratch_floats) * sizeof(float)));
      std::vector<DeviationSums> sums;
      for (int64_t b = 0; b < count; ++b) sums.emplace_back(scratch + b * sums_floats, pitch);
      float *padded = scratch + count * sums_floats, *row = padded + plan.padded_floats;
      clear_border(plan, padded);
      const int64_t first_image = chunk * plan.images, end = std::min(plan.n, first_image + plan.images);
      const int64_t x_image = plan.h * plan.w * plan.c, y_image = plan.p * plan.q * plan.c;
      for (int64_t image = first_image; image < end; ++image) {
        if (!p.normed) load_activation(plan, a.x[0] + image * x_image, nullptr, pitch, channels, padded);
        for (int64_t b = 0; b < count; ++b) {
          const auto at = static_cast<size_t>(b);
          if (p.normed)
            load_activation(plan, a.x[b] + image * x_image, norms + b * 2 * pitch, pitch, channels, padded);
          branch_image(plan, branches[at], pitch, channels, padded, row, a.y[b] + image * y_image,
                       image == first_image, sums[at]);
        }
      }
      const double pixels = static_cast<double>((end - first_image) * plan.p * plan.q);
      for (int64_t b = 0; b < count; ++b)
        sums[static_cast<size_t>(b)].finish(pixels, partials + (chunk * count + b) * 2 * pitch);
    });
  });
  if (p.statistics) merge_statistics(plan, p, partials, a);
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(
    separable_fprop, SeparableFprop, fprop_ref,
    implementation<SeparableFprop<float>, &fprop_images, nullptr, &fprop_workspace>("images"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
