// A chain of picture transforms (docs/augmentation.md) over a batch: u8 or f32 pictures in, f32 views out.
//
// Variants
//   planes  samples in parallel; a worker takes a sample through the whole chain in its scratch, as planes of
//           one channel (two of them, read and written in turn), and interleaves the channels at the end. The
//           first transform loads only the box that it needs. Resampling and blur are separable: a line of
//           the vertical sums in vectors, then across.
//   ref     a pixel at a time (augment_ref.h).
//
// Reads 1 or 4 bytes and writes 4 a value; for a value (a, b taps) resampling and blur take 2 (a + b) FLOPs,
// an adjustment of colours about 10, of hue 50.
// Bench: npm run bench:kernel -- --kernel transform_images --problem "N=128 images=128 bytes=1 shared=1
// program=0x224x224x2x1"
#include "cpu/kernels/augment_colors.h"
#include "cpu/kernels/augment_ref.h"
#include "ops/transforms.h"

namespace lapidary::cpu::LAPIDARY_ISA {
namespace {

using Kind = data::TransformKind;
using data::Parameters;
using data::Step;

// The picture of sample n, or -1 after a fault.
template <class T>
int64_t picture_of(const TransformImagesProblem& p, const TransformImages<T>& a, int64_t n,
                   KernelContext& context) {
  const int64_t picture = p.indexed ? a.index[n] : n;
  if (picture >= 0 && picture < p.images) return picture;
  context.fault(
      ErrorCode::Index,
      format("transform_images: expected image indices in 0..%lld, got %lld at position %lld; check "
             "the sampler against the size of the data set",
             static_cast<long long>(p.images - 1), static_cast<long long>(picture),
             static_cast<long long>(n)));
  return -1;
}

// The parameters of a step for sample n; false after a fault.
template <class T>
bool read_parameters(const TransformImagesProblem& p, const TransformImages<T>& a, const Step& step,
                     int64_t n, int64_t position, Parameters& out, KernelContext& context) {
  const T* row = a.parameters + ((p.shared ? 0 : n) * p.steps() + position) * data::kStepParameters;
  std::copy_n(row, data::kStepParameters, out.begin());
  const std::string wrong = data::parameter_error(step, out);
  if (wrong.empty()) return true;
  context.fault(ErrorCode::Argument,
                format("transform_images: %s, at sample %lld", wrong.c_str(), static_cast<long long>(n)));
  return false;
}

template <class T>
void transform_ref(const TransformImagesProblem& p, const TransformImages<T>& a, KernelContext& context) {
  const std::vector<Step> steps = p.placed();
  const int64_t size = p.h * p.w * p.c, out_size = steps.back().out_h * steps.back().out_w * p.c;
  for (int64_t n = 0; n < p.n; ++n) {
    const int64_t number = picture_of(p, a, n, context);
    if (number < 0) return;
    ReferencePicture<T> picture(p.h, p.w, p.c);
    for (int64_t row = 0, i = number * size; row < p.h; ++row) {
      for (int64_t column = 0; column < p.w; ++column) {
        for (int64_t c = 0; c < p.c; ++c, ++i)
          picture.at(row, column, c) = p.bytes ? static_cast<T>(a.bytes[i]) / 255 : a.floats[i];
      }
    }
    for (size_t position = 0; position < steps.size(); ++position) {
      Parameters parameters;
      if (!read_parameters(p, a, steps[position], n, static_cast<int64_t>(position), parameters, context))
        return;
      if (parameters[0] == 1) picture.apply(steps[position], parameters);
    }
    std::copy(picture.values().begin(), picture.values().end(), a.y + n * out_size);
  }
}

// A part of a picture: rows top .. top + h - 1, columns left .. left + w - 1.
struct Box {
  int64_t top, left, h, w;
};

// Where things are in the scratch of a worker, in floats.
struct Layout {
  int64_t planes = 0;   // the most values of a picture; two of them
  int64_t line = 0;     // a row with what blur mirrors around it
  int64_t weights = 0;  // of both axes of a resampling, or of a blur
  int64_t windows = 0;  // first and count of both axes, as int32_t

  Layout(const TransformImagesProblem& p, const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      grow(planes, p.c * std::max(step.in_h * step.in_w, step.out_h * step.out_w));
      grow(line, std::max(step.in_w, step.out_w));
      if (step.kind == Kind::GaussianBlur) {
        grow(line, step.in_w + step.b);
        grow(weights, step.a + step.b);
      }
      if (step.kind == Kind::Resize || step.kind == Kind::ResizedCrop) {
        const auto kind = static_cast<Interpolation>(step.c);
        grow(weights, step.out_h * resampling_taps(step.in_h, step.out_h, kind, step.d != 0) +
                          step.out_w * resampling_taps(step.in_w, step.out_w, kind, step.d != 0));
        grow(windows, 2 * (step.out_h + step.out_w));
      }
    }
  }
  size_t bytes() const { return static_cast<size_t>(2 * planes + line + weights + windows) * sizeof(float); }

 private:
  static void grow(int64_t& size, int64_t wanted) { size = std::max(size, round_up(wanted, 64)); }
};

// One sample on its way through the chain.
class PlanarPicture {
 public:
  PlanarPicture(const Layout& layout, void* scratch, int64_t channels)
      : channels_(channels),
        x_(static_cast<float*>(scratch)),
        spare_(x_ + layout.planes),
        line_(spare_ + layout.planes),
        weights_(line_ + layout.line),
        windows_(reinterpret_cast<int32_t*>(weights_ + layout.weights)) {}

  /// Takes a box of an interleaved picture of `width` columns, whose values are divided by 255 if they are
  /// bytes.
  template <class Value>
  void read(const Value* picture, int64_t width, const Box& box) {
    h_ = box.h, w_ = box.w;
    for (int64_t row = 0; row < h_; ++row) {
      const Value* source = picture + ((box.top + row) * width + box.left) * channels_;
      for (int64_t c = 0; c < channels_; ++c) {
        float* line = x_ + (c * h_ + row) * w_;
        for (int64_t column = 0; column < w_; ++column) {
          const auto value = static_cast<float>(source[column * channels_ + c]);
          line[column] = sizeof(Value) == 1 ? value / 255.0f : value;
        }
      }
    }
  }

  void write(float* y) const {
    const int64_t size = h_ * w_;
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t i = 0; i < size; ++i) y[i * channels_ + c] = x_[c * size + i];
    }
  }

  void apply(const Step& step, const Parameters& p) {
    const int64_t size = h_ * w_;
    const Box box{whole(p[1]), whole(p[2]), whole(p[3]), whole(p[4])};
    switch (step.kind) {
      case Kind::Resize:
        return resample(step, {0, 0, h_, w_});
      case Kind::ResizedCrop:
        return resample(step, box);
      case Kind::Crop:
        return crop({box.top, box.left, step.out_h, step.out_w});
      case Kind::Flip:
        for (int64_t row = 0; row < channels_ * h_; ++row) std::reverse(x_ + row * w_, x_ + (row + 1) * w_);
        return;
      case Kind::ColorJitter:
        for (int unit = 1000; unit > 0; unit /= 10) {
          const auto which = static_cast<size_t>(whole(p[1]) / unit % 10);
          static constexpr decltype(&shift_hue) kAdjustments[] = {&adjust_brightness, &adjust_contrast,
                                                                  &adjust_saturation, &shift_hue};
          if (step.a >> which & 1) kAdjustments[which](x_, size, channels_, p[2 + which]);
        }
        return;
      case Kind::Grayscale:
        return make_gray(x_, size, channels_);
      case Kind::GaussianBlur:
        return blur(step.a, step.b, p[1], p[2]);
      case Kind::Solarize:
        return for_vectors(0, channels_ * size,
                           [x = x_, threshold = broadcast(static_cast<float>(p[1]))](int64_t i, auto lanes) {
                             const Vec value = load(x + i, lanes);
                             store(x + i, value >= threshold ? 1.0f - value : value, lanes);
                           });
      case Kind::Cutout:
      case Kind::Erase:
        return erase(box, static_cast<float>(p[5]));
      case Kind::Affine:
        return move(static_cast<Interpolation>(step.a), InverseAffine(p, h_, w_));
    }
  }

 private:
  static int64_t whole(double value) { return std::abs(value) < 1e9 ? static_cast<int64_t>(value) : 0; }

  // The spare planes have been written, h x w each.
  void turn(int64_t h, int64_t w) {
    std::swap(x_, spare_);
    h_ = h, w_ = w;
  }

  void crop(const Box& box) {
    const int64_t begin = std::clamp<int64_t>(-box.left, 0, box.w),
                  end = std::clamp<int64_t>(w_ - box.left, begin, box.w);
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t row = 0; row < box.h; ++row) {
        float* line = spare_ + (c * box.h + row) * box.w;
        const int64_t from = box.top + row;
        const bool inside = from >= 0 && from < h_ && begin < end;
        std::fill(line, line + (inside ? begin : box.w), 0.0f);
        if (!inside) continue;
        std::copy_n(x_ + (c * h_ + from) * w_ + box.left + begin, end - begin, line + begin);
        std::fill(line + end, line + box.w, 0.0f);
      }
    }
    turn(box.h, box.w);
  }

  void erase(const Box& box, float value) {
    const int64_t top = std::clamp<int64_t>(box.top, 0, h_), bottom = std::clamp(box.top + box.h, top, h_);
    const int64_t left = std::clamp<int64_t>(box.left, 0, w_), right = std::clamp(box.left + box.w, left, w_);
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t row = top; row < bottom; ++row) {
        float* line = x_ + (c * h_ + row) * w_;
        std::fill(line + left, line + right, value);
      }
    }
  }

  // line_[i] = sum over j of weights[j] row(j)[i].
  template <class Row>
  void combine_rows(float* line, int64_t width, const float* weights, int64_t count, Row&& row) const {
    for_vectors(0, width, [&](int64_t i, auto lanes) {
      Vec sum{};
      for (int64_t j = 0; j < count; ++j) sum += weights[j] * load(row(j) + i, lanes);
      store(line + i, sum, lanes);
    });
  }

  void resample(const Step& step, const Box& box) {
    const auto kind = static_cast<Interpolation>(step.c);
    const bool antialias = step.d != 0;
    Resampling<float> down{step.out_h, resampling_taps(box.h, step.out_h, kind, antialias), windows_,
                           windows_ + step.out_h, weights_};
    Resampling<float> across{step.out_w, resampling_taps(box.w, step.out_w, kind, antialias),
                             windows_ + 2 * step.out_h, windows_ + 2 * step.out_h + step.out_w,
                             weights_ + down.out * down.taps};
    make_resampling(down, box.h, kind, antialias);
    make_resampling(across, box.w, kind, antialias);
    for (int64_t c = 0; c < channels_; ++c) {
      for (int64_t row = 0; row < down.out; ++row) {
        const float* first = x_ + (c * h_ + box.top + down.first[row]) * w_ + box.left;
        combine_rows(line_, box.w, down.weights + row * down.taps, down.count[row],
                     [=, this](int64_t j) { return first + j * w_; });
        float* y = spare_ + (c * down.out + row) * across.out;
        for (int64_t i = 0; i < across.out; ++i) {
          const float* weights = across.weights + i * across.taps;
          const float* window = line_ + across.first[i];
          float sum = 0;
          for (int64_t j = 0; j < across.count[i]; ++j) sum += weights[j] * window[j];
          y[i] = sum;
        }
      }
    }
    turn(down.out, across.out);
  }

  void blur(int64_t kernel_h, int64_t kernel_w, double sigma_h, double sigma_w) {
    float *down = weights_, *across = weights_ + kernel_h;
    make_gaussian(down, kernel_h, sigma_h);
    make_gaussian(across, kernel_w, sigma_w);
    float* line = line_ + kernel_w / 2;
    for (int64_t c = 0; c < channels_; ++c) {
      const float* plane = x_ + c * h_ * w_;
      for (int64_t row = 0; row < h_; ++row) {
        combine_rows(line, w_, down, kernel_h,
                     [=, this](int64_t j) { return plane + reflect(row + j - kernel_h / 2, h_) * w_; });
        for (int64_t i = 1; i <= kernel_w / 2; ++i) line[-i] = line[i], line[w_ - 1 + i] = line[w_ - 1 - i];
        combine_rows(spare_ + (c * h_ + row) * w_, w_, across, kernel_w,
                     [=, this](int64_t j) { return line_ + j; });
      }
    }
    turn(h_, w_);
  }

  void move(Interpolation kind, const InverseAffine& inverse) {
    const bool nearest = kind == Interpolation::Nearest;
    for (int64_t row = 0; row < h_; ++row) {
      for (int64_t column = 0; column < w_; ++column) {
        double x = inverse.x(row, column), y = inverse.y(row, column);
        if (nearest) x = std::nearbyint(x), y = std::nearbyint(y);
        float* out = spare_ + row * w_ + column;
        if (!(x > -1 && x < static_cast<double>(w_) && y > -1 && y < static_cast<double>(h_))) {
          for (int64_t c = 0; c < channels_; ++c) out[c * h_ * w_] = 0;
          continue;
        }
        const double floor_x = std::floor(x), floor_y = std::floor(y);
        const auto left = static_cast<int64_t>(floor_x), top = static_cast<int64_t>(floor_y);
        const auto right_share = static_cast<float>(x - floor_x),
                   lower_share = static_cast<float>(y - floor_y);
        for (int64_t c = 0; c < channels_; ++c) {
          const float* plane = x_ + c * h_ * w_;
          const auto pixel = [&](int64_t r, int64_t s) {
            return r >= 0 && r < h_ && s >= 0 && s < w_ ? plane[r * w_ + s] : 0.0f;
          };
          const float upper = pixel(top, left) * (1 - right_share) + pixel(top, left + 1) * right_share;
          const float lower =
              pixel(top + 1, left) * (1 - right_share) + pixel(top + 1, left + 1) * right_share;
          out[c * h_ * w_] = upper * (1 - lower_share) + lower * lower_share;
        }
      }
    }
    turn(h_, w_);
  }

  int64_t channels_, h_ = 0, w_ = 0;
  float *x_, *spare_, *line_, *weights_;
  int32_t* windows_;
};

void transform_planes(const TransformImagesProblem& p, const TransformImages<float>& a,
                      KernelContext& context) {
  const std::vector<Step> steps = p.placed();
  const Layout layout(p, steps);
  const int64_t size = p.h * p.w * p.c, out_size = steps.back().out_h * steps.back().out_w * p.c;
  for_ranges(context, p.n, std::max<int64_t>(kStreamGrain / std::max(size, out_size) / 4, 1),
             [&](int64_t begin, int64_t end, int64_t, int worker) {
               PlanarPicture picture(layout, context.scratch(worker, layout.bytes()), p.c);
               for (int64_t n = begin; n < end; ++n) {
                 const int64_t number = picture_of(p, a, n, context);
                 if (number < 0) return;
                 for (size_t position = 0; position < steps.size(); ++position) {
                   const Step& step = steps[position];
                   Parameters parameters;
                   if (!read_parameters(p, a, step, n, static_cast<int64_t>(position), parameters, context))
                     return;
                   if (position == 0) {
                     Box box{0, 0, p.h, p.w};
                     if (step.kind == Kind::ResizedCrop) {
                       box = {static_cast<int64_t>(parameters[1]), static_cast<int64_t>(parameters[2]),
                              static_cast<int64_t>(parameters[3]), static_cast<int64_t>(parameters[4])};
                       parameters[1] = parameters[2] = 0;
                     }
                     if (p.bytes)
                       picture.read(a.bytes + number * size, p.w, box);
                     else
                       picture.read(a.floats + number * size, p.w, box);
                   }
                   if (parameters[0] == 1) picture.apply(step, parameters);
                 }
                 picture.write(a.y + n * out_size);
               }
             });
}

}  // namespace

LAPIDARY_DEFINE_KERNEL(transform_images, TransformImages, transform_ref,
                       implementation<TransformImages<float>, &transform_planes>("planes"))

}  // namespace lapidary::cpu::LAPIDARY_ISA
