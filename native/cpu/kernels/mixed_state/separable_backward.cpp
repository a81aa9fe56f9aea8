// Separable convolutions of a mixedState, backward: from the gradients of several branches' normalised
// outputs to their filters and to x, in one pass.
//
// Variants
//   images  an image at a time in the second-level cache. For each branch: dy = a g + b y + d, the pointwise
//   product with
//           the transposed filter into zero-padded scratch, and the depthwise convolution with the mirrored
//           filter added to the image of dx; at stride 2 it gathers, by the parity of rows and columns. For
//           the filters, what lies between depthwise and pointwise is computed again instead of having been
//           stored. The filters' gradients are partial sums of at most 16 groups of images, added as a tree.
//   ref     the same sums, a value at a time, in double.
//
// Per branch, in units of N P Q C 2 FLOPs: taps^2 + C for dx; 2 taps^2 + C more for the filters. Bytes an
// element: x once for all branches, g and y once a branch, dx written (accumulate: read, too) once. Bench:
// npm run bench:kernel -- --kernel separable_backward --problem "N=16 H=32 W=32 C=16 taps=3x5x3x5
// dilations=1x1x2x2"
#include "cpu/kernels/mixed_state/separable.h"
#include "cpu/kernels/mixed_state/separable_ref.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

template <class T>
void backward_ref(const SeparableProblem& p, const SeparableBackward<T>& a, KernelContext&) {
  const int64_t c = p.c, pixels = p.n * p.p() * p.q(), inputs = p.normed ? p.branches() : 1;
  const auto x_count = static_cast<size_t>(p.x_count());
  std::vector<std::vector<double>> dx(static_cast<size_t>(inputs), std::vector<double>(x_count));
  for (size_t b = 0; b < p.taps.size(); ++b) {
    const size_t input = p.normed ? b : 0;
    const InnerPixel<T> inner(p, b, a.first[b], a.second[b], a.x[input], p.normed ? a.mean[b] : nullptr,
                              p.normed ? a.variance[b] : nullptr);
    const auto size = static_cast<size_t>(inner.count());
    std::vector<double> dfirst(static_cast<size_t>(p.first_count(b))),
        dsecond(static_cast<size_t>(p.second_count(b)));
    std::vector<double> t(size), dt(size), dy(static_cast<size_t>(c));
    for (int64_t at = 0; at < pixels; ++at) {
      inner.values(at, t.data());
      for (int64_t k = 0; k < c; ++k) {
        const T* coefficients = a.coefficients[b] + k;
        dy[static_cast<size_t>(k)] = static_cast<double>(coefficients[0]) * a.g[b][at * c + k] +
                                     static_cast<double>(coefficients[c]) * a.y[b][at * c + k] +
                                     coefficients[2 * c];
      }
      for (size_t i = 0; i < size; ++i) {
        dt[i] = 0;
        for (int64_t k = 0; k < c; ++k) {
          const int64_t place = inner.place(k, static_cast<int64_t>(i));
          if (place < 0) continue;
          dt[i] += dy[static_cast<size_t>(k)] * inner.pointwise(k, static_cast<int64_t>(i));
          (inner.from_first(k) ? dfirst : dsecond)[static_cast<size_t>(place)] +=
              dy[static_cast<size_t>(k)] * t[i];
        }
        inner.for_inputs(at, static_cast<int64_t>(i),
                         [&](int64_t pixel, int64_t channel, double weight, int64_t tap) {
                           const double act = inner.activation(pixel, channel);
                           if (tap >= 0) dfirst[static_cast<size_t>(tap)] += dt[i] * act;
                           if (act > 0) dx[input][static_cast<size_t>(pixel * c + channel)] += dt[i] * weight;
                         });
      }
    }
    for (size_t i = 0; p.dfilters && i < dfirst.size(); ++i) a.dfirst[b][i] = static_cast<T>(dfirst[i]);
    for (size_t i = 0; p.dfilters && i < dsecond.size(); ++i) a.dsecond[b][i] = static_cast<T>(dsecond[i]);
    if (!p.normed || !p.dx) continue;
    const double rows = static_cast<double>(p.n * p.h * p.w);
    for (int64_t k = 0; k < c; ++k) {
      double sum = 0, product = 0;
      for (int64_t pixel = 0; pixel < p.n * p.h * p.w; ++pixel) {
        const double each = dx[b][static_cast<size_t>(pixel * c + k)];
        sum += each, product += each * inner.activation(pixel, k);  // xhat, where the gradient is not 0
      }
      const double scale = 1 / std::sqrt(static_cast<double>(a.variance[b][k]) + p.eps);
      const double slope = p.training ? -scale * scale * product / rows : 0;
      a.dx_coefficients[b][k] = static_cast<T>(scale);
      a.dx_coefficients[b][c + k] = static_cast<T>(slope);
      a.dx_coefficients[b][2 * c + k] =
          static_cast<T>(p.training ? -scale * sum / rows - slope * a.mean[b][k] : 0);
    }
  }
  for (size_t input = 0; p.dx && input < dx.size(); ++input) {
    for (size_t i = 0; i < x_count; ++i) {
      a.dx[input][i] = static_cast<T>((p.accumulate && !p.normed ? a.dx[input][i] : T(0)) + dx[input][i]);
    }
  }
}

/// Where the partial sums of one branch's filters lie in those of a chunk: the pointwise ones as panels
/// [inner][column] of kPanel columns, the depthwise ones as panels [tap][channel] of kLanes channels.
struct FilterSums {
  int64_t pointwise, depthwise;
};

struct BackwardPlan : SeparablePlan {
  int64_t packed, norms, coefficients;  ///< floats of workspace, in this order
  std::vector<FilterSums> filters;
  int64_t chunk_filters = 0;      ///< floats of a chunk's partial filters
  int64_t chunk_sums = 0;         ///< doubles of its sums of dx and dx xhat
  int64_t inner_row;              ///< floats of a row between the filters, the most of a branch
  int64_t grad_row, grad_floats;  ///< of the padded gradient between the filters

  explicit BackwardPlan(const SeparableProblem& p) : SeparablePlan(p) {
    packed = packed_floats(*this, p);
    norms = p.normed ? p.branches() * 2 * pitch : 0;
    coefficients = p.branches() * 3 * pitch;
    int64_t inner = pitch;
    for (size_t b = 0; b < p.taps.size(); ++b) {
      if (p.factorized(b)) inner = 2 * pitch;
      const int64_t pointwise = (p.factorized(b) ? 2 * pitch : pitch) * pitch;
      filters.push_back({chunk_filters, chunk_filters + pointwise});
      if (p.dfilters) chunk_filters += pointwise + p.taps[b] * p.taps[b] * pitch;
    }
    if (p.normed && p.dx) chunk_sums = p.branches() * 2 * pitch;
    inner_row = this->q * inner;
    grad_row = (this->q + 2 * border) * pitch;
    grad_floats = std::max((this->p + 2 * border) * grad_row, this->p * inner_row);
  }
  int64_t workspace_floats() const {
    return packed + norms + coefficients + chunks * (2 * chunk_sums + chunk_filters);
  }
  int64_t grad(int64_t i, int64_t j) const { return (i + border) * grad_row + (j + border) * pitch; }
};

size_t backward_workspace(const SeparableProblem& p) {
  return static_cast<size_t>(BackwardPlan(p).workspace_floats()) * sizeof(float);
}

/// dx (+)= the depthwise convolution's transpose of `grad`, padded with zeros, for one image [h][w][pitch].
template <class Pitch>
void depthwise_dgrad(const BackwardPlan& plan, const SeparableBranch& branch, Pitch pitch, const float* grad,
                     float* dx) {
  const int64_t stride = plan.stride, d = branch.dilation, taps = branch.taps;
  // Of neighbouring filter columns (rows) that reach one input, the outputs lie `back` apart and the filters
  // `step`.
  const int64_t step = stride == 2 && d % 2 == 1 ? 2 : 1, back = step * d / stride;
  for (int64_t h = 0; h < plan.h; ++h) {
    for (int64_t phase = 0; phase < std::min(stride, plan.w); ++phase) {
      const auto first_tap = [&](int64_t at) -> int64_t {  // the first that reaches it, or `taps`
        for (int64_t tap = 0; tap < step; ++tap)
          if ((at + branch.pad - tap * d) % stride == 0) return tap;
        return taps;
      };
      const int64_t r0 = first_tap(h), s0 = first_tap(phase);
      if (r0 >= taps || s0 >= taps) continue;
      TapRows rows;
      rows.x_step = -back * pitch, rows.weight_step = step * pitch;
      for (int64_t r = r0; r < taps; r += step) {
        const int64_t i = (h + branch.pad - r * d) / stride, j = (phase + branch.pad - s0 * d) / stride;
        rows.rows[rows.count++] = {grad + plan.grad(i, j), branch.depthwise + (r * taps + s0) * pitch};
      }
      const int64_t columns = ceil_div(taps - s0, step), count = ceil_div(plan.w - phase, stride);
      float* to = dx + (h * plan.w + phase) * pitch;
      if (stride == 1)
        depthwise_row<true>(columns, rows, pitch, count, pitch, to, pitch);
      else
        depthwise_row<true>(columns, rows, pitch, count, pitch, to, times<2>(pitch));
    }
  }
}

/// sums[channel block][tap][lane] += sum over pixels of activation * gradient, R filter rows and S columns in
/// registers.
template <int R, int S, class Distance>
[[gnu::noinline]] void depthwise_wgrad_rows(const BackwardPlan& plan, const SeparableBranch& branch,
                                            Distance tap_step, const float* padded, const float* grad,
                                            int64_t r0, float* sums) {
  const int64_t pitch = plan.pitch, x_pixel = plan.stride * pitch;
  for (int64_t c = 0; c < pitch; c += kLanes) {
    Vec sum[R][S] = {};
    for (int64_t i = 0; i < plan.p; ++i) {
      const float *dt = grad + plan.grad(i, 0) + c, *x[R];
#pragma GCC unroll 5
      for (int r = 0; r < R; ++r)
        x[r] =
            padded + plan.padded(i * plan.stride - branch.pad + (r0 + r) * branch.dilation, -branch.pad) + c;
      for (int64_t j = 0; j < plan.q; ++j, dt += pitch) {
        const Vec gradient = load(dt);
#pragma GCC unroll 5
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 5
          for (int s = 0; s < S; ++s) sum[r][s] += load(x[r] + s * tap_step) * gradient;
          x[r] += x_pixel;
        }
      }
    }
    float* to = sums + c * branch.taps * branch.taps + r0 * S * kLanes;
#pragma GCC unroll 5
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 5
      for (int s = 0; s < S; ++s, to += kLanes) store(to, load(to) + sum[r][s]);
    }
  }
}

/// All filter rows at once where their sums fit into registers, else one after the other.
template <class Distance>
void depthwise_wgrad(const BackwardPlan& plan, const SeparableBranch& branch, Distance tap_step,
                     const float* padded, const float* grad, float* sums) {
  if (branch.taps == 3) return depthwise_wgrad_rows<3, 3>(plan, branch, tap_step, padded, grad, 0, sums);
  if constexpr (kRegisters >= 32 && kKnown<Distance>) {
    depthwise_wgrad_rows<5, 5>(plan, branch, tap_step, padded, grad, 0, sums);
  } else {
    for (int64_t r = 0; r < 5; ++r) depthwise_wgrad_rows<1, 5>(plan, branch, tap_step, padded, grad, r, sums);
  }
}

/// sums (+)= the outer products of `pixels` pixels: inner values x output gradients.
void pointwise_wgrad(const BackwardPlan& plan, const SeparableBranch& branch, const float* inner,
                     const float* dy, int64_t pixels, float* sums, bool add) {
  OuterRun run;
  run.cols = pixels, run.x_col = branch.inner, run.y_col = plan.pitch;
  const int64_t rows = outer_rows(branch.inner);
  for (int64_t panel = 0; panel * kPanel < plan.pitch; ++panel) {
    const int64_t width = panel_width(plan.pitch, panel);
    float* to = sums + panel * kPanel * branch.inner;
    for (int64_t i = 0; i < branch.inner; i += rows)
      accumulate_outer(run, inner + i, std::min(rows, branch.inner - i), dy + panel * kPanel, width,
                       to + i * width, add);
  }
}

/// A row of dy = a g + b y + d, padded to whole vectors. `coefficients`: [3][pitch].
template <class Pitch, class Channels>
void gradient_row(int64_t pixels, Pitch pitch, Channels channels, const float* g, const float* y,
                  const float* coefficients, float* to) {
  for (int64_t j = 0; j < pixels; ++j, g += channels, y += channels, to += pitch) {
    for_vectors(0, channels, [&](int64_t at, auto lanes) {
      const float* of = coefficients + at;
      store(to + at,
            load(g + at, lanes) * load(of) + load(y + at, lanes) * load(of + pitch) + load(of + 2 * pitch));
    });
  }
}

/// Scratch of a worker: one image of everything, padded to whole vectors.
struct ImageBuffers {
  float *activation, *grad, *inner, *dy, *dx;
  static int64_t floats(const BackwardPlan& plan) {
    return plan.padded_floats + plan.grad_floats + plan.p * (plan.inner_row + plan.q * plan.pitch) +
           plan.h * plan.w * plan.pitch;
  }
  ImageBuffers(const BackwardPlan& plan, float* memory)
      : activation(memory),
        grad(activation + plan.padded_floats),
        inner(grad + plan.grad_floats),
        dy(inner + plan.p * plan.inner_row),
        dx(dy + plan.p * plan.q * plan.pitch) {}
};

/// One branch of one image: adds to the partial sums of its filters and to the image of dx.
template <class Pitch, class Channels>
void backward_branch(const BackwardPlan& plan, const SeparableProblem& p, const SeparableBranch& branch,
                     Pitch pitch, Channels channels, const float* g, const float* y,
                     const float* coefficients, const ImageBuffers& buffer, float* pointwise_sums,
                     float* depthwise_sums, bool add) {
  const int64_t values = plan.q * channels;
  const auto through_pointwise = [&](auto inner) {
    for (int64_t i = 0; i < plan.p; ++i) {
      float* dy = buffer.dy + i * plan.q * pitch;
      gradient_row(plan.q, pitch, channels, g + i * values, y + i * values, coefficients, dy);
      // The gradient between the filters has a border of zeros for the depthwise filter; FactorizedReduce's
      // is wider.
      float* grad = buffer.grad + (branch.factorized ? i * plan.q * inner : plan.grad(i, 0));
      multiply_pixels(dy, pitch, plan.q, plan.c, branch.transposed, inner,
                      [&]<int M, int V>(const Vec(&products)[M][V], int64_t first, int64_t column) {
                        float* to = grad + first * inner + column;
#pragma GCC unroll 16
                        for (int m = 0; m < M; ++m) {
#pragma GCC unroll 2
                          for (int v = 0; v < V; ++v) store(to + m * inner + v * kLanes, products[m][v]);
                        }
                      });
      if (p.dfilters) inner_row(plan, branch, pitch, buffer.activation, i, buffer.inner + i * plan.q * inner);
    }
  };
  if (branch.factorized)
    through_pointwise(times<2>(pitch));
  else
    through_pointwise(pitch);
  if (p.dfilters) {
    pointwise_wgrad(plan, branch, buffer.inner, buffer.dy, plan.p * plan.q, pointwise_sums, add);
    if (branch.factorized) {
    } else if (branch.dilation == 1)
      depthwise_wgrad(plan, branch, pitch, buffer.activation, buffer.grad, depthwise_sums);
    else
      depthwise_wgrad(plan, branch, times<2>(pitch), buffer.activation, buffer.grad, depthwise_sums);
  }
  if (!p.dx) return;
  if (!branch.factorized) return depthwise_dgrad(plan, branch, pitch, buffer.grad, buffer.dx);
  const float* grad = buffer.grad;
  for (int64_t i = 0; i < plan.p; ++i) {
    for (int64_t j = 0; j < plan.q; ++j, grad += branch.inner) {
      float *even = buffer.dx + (2 * i * plan.w + 2 * j) * pitch, *odd = even + (plan.w + 1) * pitch;
      for (int64_t at = 0; at < pitch; at += kLanes) {
        store(even + at, load(even + at) + load(grad + at));
        store(odd + at, load(odd + at) + load(grad + pitch + at));
      }
    }
  }
}

/// dx masked by the activation, to memory (added to what is there).
template <class Pitch, class Channels>
void finish_shared(const BackwardPlan& plan, Pitch pitch, Channels channels, const ImageBuffers& buffer,
                   bool accumulate, float* to) {
  const float* dx = buffer.dx;
  for (int64_t i = 0; i < plan.h; ++i) {
    const float* active = buffer.activation + plan.padded(i, 0);
    for (int64_t j = 0; j < plan.w; ++j, active += pitch, dx += pitch, to += channels) {
      for_vectors(0, channels, [&](int64_t at, auto lanes) {
        Vec value = load(active + at) > 0.0f ? load(dx + at) : Vec{};
        if (accumulate) value += load(to + at, lanes);
        store(to + at, value, lanes);
      });
    }
  }
}

/// dx masked by the activation, to memory, and its sums with 1 and xhat, [sum][pitch], added to `totals`.
/// Where dx is not 0, xhat is the activation.
template <class Pitch, class Channels>
void finish_normed(const BackwardPlan& plan, Pitch pitch, Channels channels, const ImageBuffers& buffer,
                   float* to, double* totals) {
  for_vectors(0, channels, [&](int64_t at, auto lanes) {
    const float* dx = buffer.dx + at;
    float* out = to + at;
    for (int64_t i = 0; i < plan.h; ++i) {
      const float* active = buffer.activation + plan.padded(i, 0) + at;
      Vec sum{}, product{};
      for (int64_t j = 0; j < plan.w; ++j, active += pitch, dx += pitch, out += channels) {
        const Vec activation = load(active), value = activation > 0.0f ? load(dx) : Vec{};
        sum += value, product += value * activation;
        store(out, value, lanes);
      }
      for (int lane = 0; lane < kLanes; ++lane) {
        totals[at + lane] += static_cast<double>(sum[lane]);
        totals[pitch + at + lane] += static_cast<double>(product[lane]);
      }
    }
  });
}

/// The filters' gradients from the partial sums of the chunks.
void finish_filters(const BackwardPlan& plan, const SeparableProblem& p, const SeparableBackward<float>& a,
                    const float* partials, KernelContext& context) {
  const int64_t c = plan.c, pitch = plan.pitch;
  context.parallel(p.branches(), [&](int64_t at, int) {
    const auto b = static_cast<size_t>(at);
    const int64_t inner = p.factorized(b) ? 2 * pitch : pitch, window = p.taps[b] * p.taps[b];
    // Rows of `inner` weights for each output channel.
    std::vector<float> rows;
    float* pointwise = a.dsecond[b];
    if (p.factorized(b) || inner != c) rows.resize(static_cast<size_t>(c * inner)), pointwise = rows.data();
    for (int64_t panel = 0; panel * kPanel < c; ++panel) {
      const PartialPanel sums{partials + plan.filters[b].pointwise + panel * kPanel * inner,
                              plan.chunks,
                              plan.chunk_filters,
                              panel_width(pitch, panel),
                              std::min<int64_t>(kPanel, c - panel * kPanel),
                              inner};
      for (int64_t step = 0; step < inner; step += kStepBlock)
        add_parts(sums, step, std::min(inner, step + kStepBlock), pointwise + panel * kPanel * inner);
    }
    if (p.factorized(b)) {
      for (int64_t k = 0; k < c; ++k) {
        const bool lower = k < c / 2;
        std::copy_n(pointwise + k * inner + (lower ? 0 : pitch), c,
                    lower ? a.dfirst[b] + k * c : a.dsecond[b] + (k - c / 2) * c);
      }
      return;
    }
    for (int64_t k = 0; inner != c && k < c; ++k) std::copy_n(pointwise + k * inner, c, a.dsecond[b] + k * c);
    for (int64_t block = 0; block < c; block += kLanes) {
      add_parts({partials + plan.filters[b].depthwise + block * window, plan.chunks, plan.chunk_filters,
                 kLanes, std::min<int64_t>(kLanes, c - block), window},
                0, window, a.dfirst[b] + block * window);
    }
  });
}

/// The coefficients that take dx on through the normalisation of x.
void finish_coefficients(const BackwardPlan& plan, const SeparableProblem& p,
                         const SeparableBackward<float>& a, const double* partials) {
  const double rows = static_cast<double>(plan.n * plan.h * plan.w);
  for (int64_t b = 0; b < p.branches(); ++b) {
    for (int64_t c = 0; c < plan.c; ++c) {
      double sum = 0, product = 0;
      for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
        const double* part = partials + chunk * plan.chunk_sums + b * 2 * plan.pitch + c;
        sum += part[0], product += part[plan.pitch];
      }
      const double scale = 1 / std::sqrt(static_cast<double>(a.variance[b][c]) + p.eps);
      const double slope = p.training ? -scale * scale * product / rows : 0;
      float* to = a.dx_coefficients[b] + c;
      to[0] = static_cast<float>(scale), to[plan.c] = static_cast<float>(slope);
      to[2 * plan.c] = static_cast<float>(p.training ? -scale * sum / rows - slope * a.mean[b][c] : 0);
    }
  }
}

void backward_images(const SeparableProblem& p, const SeparableBackward<float>& a, KernelContext& context) {
  const BackwardPlan plan(p);
  auto* packed = static_cast<float*>(context.workspace);
  float *norms = packed + plan.packed, *coefficients = norms + plan.norms;
  auto* sums = reinterpret_cast<double*>(coefficients + plan.coefficients);
  float* filters = coefficients + plan.coefficients + 2 * plan.chunks * plan.chunk_sums;
  const std::vector<SeparableBranch> branches = pack_branches(plan, p, a.first, a.second, packed, context);
  const int64_t count = p.branches(), pitch = plan.pitch, c = plan.c;
  for (int64_t b = 0; b < count; ++b) {
    if (p.normed) fold_norm(plan, a.mean[b], a.variance[b], p.eps, norms + b * 2 * pitch);
    float* to = coefficients + b * 3 * pitch;
    std::fill_n(to, 3 * pitch, 0.0f);
    for (int row = 0; row < 3; ++row) std::copy_n(a.coefficients[b] + row * c, c, to + row * pitch);
  }

  with_layout(plan, [&](auto pitch, auto channels) {
    context.parallel(plan.chunks, [&](int64_t chunk, int worker) {
      const ImageBuffers buffer(
          plan, static_cast<float*>(context.scratch(
                    worker, static_cast<size_t>(ImageBuffers::floats(plan)) * sizeof(float))));
      clear_border(plan, buffer.activation);
      double* chunk_sums = sums + chunk * plan.chunk_sums;
      float* chunk_filters = filters + chunk * plan.chunk_filters;
      std::fill_n(chunk_sums, plan.chunk_sums, 0.0);
      std::fill_n(chunk_filters, plan.chunk_filters, 0.0f);
      const int64_t first_image = chunk * plan.images, end = std::min(plan.n, first_image + plan.images);
      const int64_t x_image = plan.h * plan.w * c, y_image = plan.p * plan.q * c,
                    dx_floats = plan.h * plan.w * pitch;
      bool cleared = false;  // the border of the gradient between the filters
      for (int64_t image = first_image; image < end; ++image) {
        if (!p.normed)
          load_activation(plan, a.x[0] + image * x_image, nullptr, pitch, channels, buffer.activation);
        for (int64_t b = 0; b < count; ++b) {
          const auto at = static_cast<size_t>(b);
          if (p.normed) {
            load_activation(plan, a.x[b] + image * x_image, norms + b * 2 * pitch, pitch, channels,
                            buffer.activation);
          }
          if (p.dx && (p.normed || b == 0)) std::fill_n(buffer.dx, dx_floats, 0.0f);
          if (!cleared) std::fill_n(buffer.grad, plan.grad_floats, 0.0f);
          cleared = !branches[at].factorized;
          backward_branch(plan, p, branches[at], pitch, channels, a.g[b] + image * y_image,
                          a.y[b] + image * y_image, coefficients + b * 3 * pitch, buffer,
                          chunk_filters + plan.filters[at].pointwise,
                          chunk_filters + plan.filters[at].depthwise, image != first_image);
          if (p.normed && p.dx) {
            finish_normed(plan, pitch, channels, buffer, a.dx[b] + image * x_image,
                          chunk_sums + b * 2 * pitch);
          }
        }
        if (!p.normed && p.dx)
          finish_shared(plan, pitch, channels, buffer, p.accumulate, a.dx[0] + image * x_image);
      }
    });
  });
  if (p.dfilters) finish_filters(plan, p, a, filters, context);
  if (p.normed && p.dx) finish_coefficients(plan, p, a, sums);
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(
    separable_backward, SeparableBackward, backward_ref,
    implementation<SeparableBackward<float>, &backward_images, nullptr, &backward_workspace>("images"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
