// Chains of picture transforms (data/transforms.h): drawing the parameters of views, and applying a chain
// with given parameters, a sample a pool task.
#pragma once

#include "backend.h"
#include "data/transforms.h"

namespace lapidary {

/// A chain that flips: the default, so that a problem without a program makes sense.
inline Counts flip_program() { return {static_cast<int64_t>(data::TransformKind::Flip), 0, 0, 0, 0}; }

struct DrawTransformsProblem {
  int64_t n = 1, h = 32, w = 32;
  Counts program = flip_program();  ///< data::kStepInts numbers a step
  int64_t seed = 0, site = 0, view = 0;
  int64_t steps() const { return static_cast<int64_t>(program.size()) / data::kStepInts; }
  void check() const {
    check_extents({n, h, w});
    check_range("site", site, 0, 0x7fff);
    check_range("view", view, 0, 0xffff);
    data::place_steps(program, h, w, 1);
    check_extents({n, steps(), data::kStepParameters});
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("H", self.h), visit("W", self.w), visit("program", self.program);
    visit("seed", self.seed), visit("site", self.site), visit("view", self.view);
  }
};

/// parameters [N, steps, data::kStepParameters] of the views of the samples `index` [N] in the step block's
/// epoch, drawn from ranges [steps, data::kStepRanges]; see data::draw_parameters. A negative index faults
/// with ERR_INDEX, ranges that make no sense with ERR_ARGUMENT.
template <class T>
struct DrawTransforms {
  using Problem = DrawTransformsProblem;
  const int32_t* index;
  const T* ranges;
  T* parameters;
  static Operands operands(const Problem& p) {
    return {in("index", p.n, DType::I32), in("ranges", p.steps() * data::kStepRanges),
            out("parameters", p.n * p.steps() * data::kStepParameters)};
  }
};

struct TransformImagesProblem {
  int64_t n = 1, h = 32, w = 32, c = 3;
  int64_t images = 1;    ///< pictures to choose from
  bool bytes = false;    ///< pictures are u8, and their values are divided by 255; else f32
  bool indexed = false;  ///< sample i is picture index[i]; else picture i
  bool shared = false;   ///< one row of parameters for all samples
  Counts program = flip_program();
  int64_t steps() const { return static_cast<int64_t>(program.size()) / data::kStepInts; }
  std::vector<data::Step> placed() const { return data::place_steps(program, h, w, c); }
  void check() const {
    check_extents({images, h, w, c});
    const std::vector<data::Step> all = placed();
    check_extents({n, all.back().out_h, all.back().out_w, c});
    check_extents({n, steps(), data::kStepParameters});
    if (!indexed && n != images)
      fail(ErrorCode::Shape, "expected as many samples as pictures without an index");
    for (const data::Step& step : all) {
      // A worker keeps a few pictures of this size.
      if (step.out_h * step.out_w > (int64_t{1} << 28) / c)
        fail(ErrorCode::Shape, "expected pictures of at most 2^28 values between transforms");
    }
  }
  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("N", self.n), visit("H", self.h), visit("W", self.w), visit("C", self.c),
        visit("images", self.images);
    visit("bytes", self.bytes), visit("indexed", self.indexed), visit("shared", self.shared);
    visit("program", self.program);
  }
};

/// y [N, H', W', C] = the chain applied to each sample, with parameters [N or 1, steps,
/// data::kStepParameters]. An index outside 0..images-1 faults with ERR_INDEX, parameters that cannot be
/// applied with ERR_ARGUMENT.
template <class T>
struct TransformImages {
  using Problem = TransformImagesProblem;
  const uint8_t* bytes;
  const T* floats;
  const int32_t* index;
  const T* parameters;
  T* y;
  static Operands operands(const Problem& p) {
    const int64_t values = p.images * p.h * p.w * p.c;
    const data::Step last = p.placed().back();
    return {in("bytes", p.bytes ? values : 0, DType::U8), in("floats", p.bytes ? 0 : values),
            in("index", p.indexed ? p.n : 0, DType::I32),
            in("parameters", (p.shared ? 1 : p.n) * p.steps() * data::kStepParameters),
            out("y", p.n * last.out_h * last.out_w * p.c)};
  }
};

}  // namespace lapidary
