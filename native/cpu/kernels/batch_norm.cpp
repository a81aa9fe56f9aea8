// Batch normalisation over a channel-last tensor [rows, channels]: statistics, their folding into scale and
// shift, the normalise pass with an optional second operand, and backward in two passes.
//
// Variants
//   chunked    statistics, batch_norm_reduce: fixed chunks of rows, partial results merged in order.
//              Statistics are (mean, M2) per chunk (two passes over a chunk that stays in cache), merged as
//              Chan et al. do.
//   streaming  normalize, batch_norm_dgrad: one pass; per-channel parameters repeated to whole vectors
//              (channels.h).
//   ref        fold has no other: it touches a few values per channel.
//
// Per element of f32: statistics 4 bytes, 5 FLOPs; normalize 8 bytes (12 with an addend), 2 to 5 FLOPs;
// reduce 8 bytes, 7 FLOPs; dgrad 12 bytes, 7 FLOPs. All are bound by memory.
// Bench: npm run bench:kernel -- --kernel normalize --problem "rows=131072 channels=16 addend=plain relu=1"
#include "ops/batch_norm.h"
#include "cpu/kernels/channels.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

// ReLU that lets NaN through.
template <class T>
T relu(T x) {
  return x < 0 ? T(0) : x;
}

template <class T>
void statistics_ref(const RowsProblem& p, const BatchNormStatistics<T>& a, KernelContext&) {
  for (int64_t c = 0; c < p.channels; ++c) {
    double sum = 0, squares = 0;
    for (int64_t row = 0; row < p.rows; ++row) sum += a.x[row * p.channels + c];
    const double mean = sum / static_cast<double>(p.rows);
    for (int64_t row = 0; row < p.rows; ++row) {
      const double deviation = a.x[row * p.channels + c] - mean;
      squares += deviation * deviation;
    }
    a.mean[c] = static_cast<T>(mean);
    a.variance[c] = static_cast<T>(squares / static_cast<double>(p.rows));
  }
}

template <class T>
void fold_ref(const BatchNormFoldProblem& p, const BatchNormFold<T>& a, KernelContext&) {
  const double unbiased = p.rows > 1 ? static_cast<double>(p.rows) / static_cast<double>(p.rows - 1) : 1.0;
  const double momentum = p.momentum;
  for (int64_t c = 0; c < p.channels; ++c) {
    const double mean = a.mean[c], variance = a.variance[c];
    const double invstd = 1 / std::sqrt(variance + double{p.eps});
    const double scale = p.affine ? a.gamma[c] * invstd : invstd;
    a.scale[c] = static_cast<T>(scale);
    a.shift[c] = static_cast<T>((p.affine ? static_cast<double>(a.beta[c]) : 0.0) - mean * scale);
    a.invstd[c] = static_cast<T>(invstd);
    if (p.update) {
      a.running_mean[c] = static_cast<T>((1 - momentum) * a.running_mean[c] + momentum * mean);
      a.running_variance[c] =
          static_cast<T>((1 - momentum) * a.running_variance[c] + momentum * variance * unbiased);
    }
  }
}

template <class T>
void normalize_ref(const NormalizeProblem& p, const Normalize<T>& a, KernelContext&) {
  for (int64_t i = 0; i < p.rows * p.channels; ++i) {
    const int64_t c = i % p.channels;
    double z = a.a[i];
    if (p.affine) z = z * a.a_scale[c] + a.a_shift[c];
    if (p.a_relu) z = relu(z);
    if (p.addend != Addend::None) {
      double b = a.b[i];
      if (p.addend == Addend::Affine) b = b * a.b_scale[c] + a.b_shift[c];
      z += p.b_relu ? relu(b) : b;
    }
    a.y[i] = static_cast<T>(p.relu ? relu(z) : z);
  }
}

// dz' of element i, channel c.
template <class Args>
double masked(ReluMask mask, const Args& a, int64_t i, int64_t c) {
  const bool passes = mask == ReluMask::None || static_cast<double>(a.x[i]) * a.scale[c] + a.shift[c] > 0;
  return passes ? static_cast<double>(a.dz[i]) : 0.0;
}

template <class T>
void reduce_ref(const BatchNormBackwardProblem& p, const BatchNormReduce<T>& a, KernelContext&) {
  for (int64_t c = 0; c < p.channels; ++c) {
    double sum = 0, product = 0;
    for (int64_t row = 0; row < p.rows; ++row) {
      const int64_t i = row * p.channels + c;
      const double dz = masked(p.mask, a, i, c);
      sum += dz;
      product += dz * ((static_cast<double>(a.x[i]) - a.mean[c]) * a.invstd[c]);
    }
    a.sum_dz[c] = static_cast<T>(sum);
    a.sum_dz_xhat[c] = static_cast<T>(product);
  }
}

template <class T>
void dgrad_ref(const BatchNormBackwardProblem& p, const BatchNormDgrad<T>& a, KernelContext&) {
  const double rows = static_cast<double>(p.rows);
  for (int64_t i = 0; i < p.rows * p.channels; ++i) {
    const int64_t c = i % p.channels;
    double dz = masked(p.mask, a, i, c);
    if (p.training) {
      const double xhat = (static_cast<double>(a.x[i]) - a.mean[c]) * a.invstd[c];
      dz -= (a.sum_dz[c] + xhat * a.sum_dz_xhat[c]) / rows;
    }
    a.dx[i] = static_cast<T>(a.scale[c] * dz);
  }
}

size_t statistics_workspace(const RowsProblem& p) {
  return static_cast<size_t>(RowChunks(p.rows, Period(p.channels)).count * 2 * p.channels) * sizeof(double);
}

void statistics_chunked(const RowsProblem& p, const BatchNormStatistics<float>& a, KernelContext& context) {
  const Period period(p.channels);
  const RowChunks chunks(p.rows, period);
  auto* partials = static_cast<double*>(context.workspace);  // [chunk][mean, M2][channel]
  context.parallel(chunks.count, [&](int64_t chunk, int worker) {
    const int64_t begin = chunks.begin(chunk), end = chunks.end(chunk);
    const size_t sum_bytes = sum_channels_bytes(period, 1);
    auto* scratch = static_cast<char*>(context.scratch(
        worker, sum_bytes + static_cast<size_t>(p.channels + period.length()) * sizeof(float)));
    auto* sums = reinterpret_cast<double*>(scratch);
    auto* centre = reinterpret_cast<float*>(scratch + sum_bytes);
    double *mean = partials + chunk * 2 * p.channels, *squares = mean + p.channels;
    sum_channels<1>(period, begin, end, sums, mean,
                    [&](int64_t i, int64_t, auto lanes) { return std::array{load(a.x + i, lanes)}; });
    const double rows = static_cast<double>(end - begin);
    for (int64_t c = 0; c < p.channels; ++c) mean[c] /= rows, centre[c] = static_cast<float>(mean[c]);
    const float* centres = period.repeat(centre, centre + p.channels);
    sum_channels<1>(period, begin, end, sums, squares, [&](int64_t i, int64_t j, auto lanes) {
      const Vec deviation = load(a.x + i, lanes) - load(centres + j, lanes);
      return std::array{deviation * deviation};
    });
    // The squares are about the mean rounded to f32; M2 is about the mean.
    for (int64_t c = 0; c < p.channels; ++c) {
      const double shift = mean[c] - static_cast<double>(centre[c]);
      squares[c] = std::max(squares[c] - rows * shift * shift, 0.0);
    }
  });
  double *mean = partials, *squares = partials + p.channels, rows = static_cast<double>(chunks.end(0));
  for (int64_t chunk = 1; chunk < chunks.count; ++chunk) {
    const double *other = partials + chunk * 2 * p.channels, *other_squares = other + p.channels;
    const double more = static_cast<double>(chunks.end(chunk) - chunks.begin(chunk));
    const double share = more / (rows + more), weight = rows * share;
    for (int64_t c = 0; c < p.channels; ++c) {
      const double delta = other[c] - mean[c];
      squares[c] += other_squares[c] + delta * delta * weight;
      mean[c] += delta * share;
    }
    rows += more;
  }
  for (int64_t c = 0; c < p.channels; ++c) {
    a.mean[c] = static_cast<float>(mean[c]);
    a.variance[c] = static_cast<float>(squares[c] / rows);
  }
}

size_t normalize_workspace(const NormalizeProblem& p) { return Period(p.channels).table_bytes(4); }

void normalize_streaming(const NormalizeProblem& p, const Normalize<float>& a, KernelContext& context) {
  const Period period(p.channels);
  auto* tables = static_cast<float*>(context.workspace);
  const float *a_scale = nullptr, *a_shift = nullptr, *b_scale = nullptr, *b_shift = nullptr;
  if (p.affine) {
    a_scale = period.repeat(a.a_scale, tables);
    a_shift = period.repeat(a.a_shift, tables + period.length());
  }
  if (p.addend == Addend::Affine) {
    b_scale = period.repeat(a.b_scale, tables + 2 * period.length());
    b_shift = period.repeat(a.b_shift, tables + 3 * period.length());
  }
  const Vec a_floor = broadcast(relu_floor(p.a_relu)), b_floor = broadcast(relu_floor(p.b_relu));
  const Vec y_floor = broadcast(relu_floor(p.relu));
  with_flag(p.affine, [&](auto a_affine) {
    with_flag(p.addend != Addend::None, [&](auto has_b) {
      with_flag(p.addend == Addend::Affine, [&](auto b_affine) {
        parallel_channel_vectors(context, period, p.rows, [=](int64_t i, int64_t j, auto lanes) {
          Vec z = load(a.a + i, lanes);
          if constexpr (a_affine) z = z * load(a_scale + j, lanes) + load(a_shift + j, lanes);
          z = at_least(z, a_floor);
          if constexpr (has_b) {
            Vec b = load(a.b + i, lanes);
            if constexpr (b_affine) b = b * load(b_scale + j, lanes) + load(b_shift + j, lanes);
            z += at_least(b, b_floor);
          }
          store(a.y + i, at_least(z, y_floor), lanes);
        });
      });
    });
  });
}

// The operands of backward, per-channel ones repeated to a period; `tables` holds four of them. Those that
// the problem does not have are null.
struct Backward {
  const float *dz, *x, *scale, *shift, *mean, *invstd;
  template <class Args>
  Backward(const Period& period, const Args& a, float* tables) : dz(a.dz), x(a.x) {
    const auto repeated = [&](const float* values, int table) {
      return values ? period.repeat(values, tables + table * period.length()) : nullptr;
    };
    scale = repeated(a.scale, 0), shift = repeated(a.shift, 1);
    mean = repeated(a.mean, 2), invstd = repeated(a.invstd, 3);
  }
  /// dz' of a vector; `x` is that of kMask == Input.
  template <ReluMask kMask, class Lanes>
  Vec masked(int64_t i, int64_t j, Lanes lanes, Vec x_lanes) const {
    const Vec gradient = load(dz + i, lanes);
    if constexpr (kMask == ReluMask::Input)
      return x_lanes * load(scale + j, lanes) + load(shift + j, lanes) > 0.0f ? gradient : Vec{};
    return gradient;
  }
};

/// Calls body with the mask as a type.
template <class Body>
void with_mask(ReluMask mask, Body&& body) {
  using enum ReluMask;
  if (mask == Input)
    body(std::integral_constant<ReluMask, Input>{});
  else
    body(std::integral_constant<ReluMask, None>{});
}

size_t reduce_workspace(const BatchNormBackwardProblem& p) {
  const Period period(p.channels);
  return static_cast<size_t>(RowChunks(p.rows, period).count * 2 * p.channels) * sizeof(double) +
         period.table_bytes(4);
}

void reduce_chunked(const BatchNormBackwardProblem& p, const BatchNormReduce<float>& a,
                    KernelContext& context) {
  const Period period(p.channels);
  const RowChunks chunks(p.rows, period);
  auto* partials = static_cast<double*>(context.workspace);  // [chunk][sum][channel]
  const int64_t both = 2 * p.channels;
  const Backward b(period, a, reinterpret_cast<float*>(partials + chunks.count * both));
  with_mask(p.mask, [&](auto mask) {
    context.parallel(chunks.count, [&](int64_t chunk, int worker) {
      auto* scratch = static_cast<double*>(context.scratch(worker, sum_channels_bytes(period, 2)));
      sum_channels<2>(
          period, chunks.begin(chunk), chunks.end(chunk), scratch, partials + chunk * both,
          [&](int64_t i, int64_t j, auto lanes) {
            const Vec x = load(b.x + i, lanes), dz = b.masked<mask>(i, j, lanes, x);
            return std::array{dz, dz * ((x - load(b.mean + j, lanes)) * load(b.invstd + j, lanes))};
          });
    });
  });
  for (int64_t chunk = 1; chunk < chunks.count; ++chunk)
    for (int64_t at = 0; at < both; ++at) partials[at] += partials[chunk * both + at];
  for (int64_t c = 0; c < p.channels; ++c) {
    a.sum_dz[c] = static_cast<float>(partials[c]);
    a.sum_dz_xhat[c] = static_cast<float>(partials[p.channels + c]);
  }
}

size_t dgrad_workspace(const BatchNormBackwardProblem& p) {
  return Period(p.channels).table_bytes(6) + static_cast<size_t>(2 * p.channels) * sizeof(float);
}

// dx = scale * dz' + slope * (x - mean) + offset, with slope = -scale * invstd * sum_dz_xhat / rows and
// offset = -scale * sum_dz / rows.
void dgrad_streaming(const BatchNormBackwardProblem& p, const BatchNormDgrad<float>& a,
                     KernelContext& context) {
  const Period period(p.channels);
  auto *channel = static_cast<float*>(context.workspace), *tables = channel + 2 * p.channels;
  const Backward b(period, a, tables);
  const double rows = static_cast<double>(p.rows);
  for (int64_t c = 0; p.training && c < p.channels; ++c) {
    const double scale = a.scale[c];
    channel[c] = static_cast<float>(-scale * a.invstd[c] * a.sum_dz_xhat[c] / rows);
    channel[p.channels + c] = static_cast<float>(-scale * a.sum_dz[c] / rows);
  }
  const float* slope = p.training ? period.repeat(channel, tables + 4 * period.length()) : nullptr;
  const float* offset =
      p.training ? period.repeat(channel + p.channels, tables + 5 * period.length()) : nullptr;
  with_mask(p.mask, [&](auto mask) {
    with_flag(p.training, [&](auto training) {
      parallel_channel_vectors(context, period, p.rows, [=](int64_t i, int64_t j, auto lanes) {
        Vec x{};
        if constexpr (mask == ReluMask::Input || training) x = load(b.x + i, lanes);
        Vec dx = load(b.scale + j, lanes) * b.masked<mask>(i, j, lanes, x);
        if constexpr (training) {
          dx += load(slope + j, lanes) * (x - load(b.mean + j, lanes)) + load(offset + j, lanes);
        }
        store(a.dx + i, dx, lanes);
      });
    });
  });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(batch_norm_statistics, BatchNormStatistics, statistics_ref,
                       implementation<BatchNormStatistics<float>, &statistics_chunked, nullptr,
                                      &statistics_workspace>("chunked"))
LAPIDARY_DEFINE_KERNEL(batch_norm_fold, BatchNormFold, fold_ref)
LAPIDARY_DEFINE_KERNEL(
    normalize, Normalize, normalize_ref,
    implementation<Normalize<float>, &normalize_streaming, nullptr, &normalize_workspace>("streaming"))
LAPIDARY_DEFINE_KERNEL(
    batch_norm_reduce, BatchNormReduce, reduce_ref,
    implementation<BatchNormReduce<float>, &reduce_chunked, nullptr, &reduce_workspace>("chunked"))
LAPIDARY_DEFINE_KERNEL(
    batch_norm_dgrad, BatchNormDgrad, dgrad_ref,
    implementation<BatchNormDgrad<float>, &dgrad_streaming, nullptr, &dgrad_workspace>("streaming"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
