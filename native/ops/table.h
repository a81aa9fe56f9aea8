// The op table: one row an op. Bindings, the TypeScript packing of arguments, the support matrix in the docs
// and the random-argument test all read it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace lapidary {

/// One call from JavaScript. Accessors check and throw typed errors naming the op.
class OpCall {
 public:
  OpCall(const struct OpRow& row, bool record, std::span<const int32_t> ints, std::span<const double> scalars,
         std::vector<Tensor> inputs);

  const OpRow& row() const noexcept { return row_; }
  bool record() const noexcept { return record_; }

  int32_t int_at(size_t index) const { return ints_[index]; }
  bool flag(size_t index) const { return ints_[index] != 0; }
  /// An int that must lie in [low, high].
  int32_t int_in(size_t index, int32_t low, int32_t high) const;
  /// The ints from `index` on (a variadic tail).
  std::span<const int32_t> ints_from(size_t index) const { return ints_.subspan(index); }
  template <class E>
  E kind(size_t index) const {
    int count = 0;
    while (enum_names(E{})[count]) ++count;
    return static_cast<E>(int_in(index, 0, count - 1));
  }
  /// A finite scalar.
  double scalar(size_t index) const;
  double scalar_in(size_t index, double low, double high) const;
  int64_t seed(size_t index) const;

  /// A dense input (an optional one may be empty). Throws when its normalisation is still pending.
  const Tensor& input(size_t index) const;
  /// An input that may have a pending normalisation.
  const Tensor& input_or_normed(size_t index) const { return inputs_[index]; }
  std::span<const Tensor> inputs_from(size_t index) const;

 private:
  const OpRow& row_;
  bool record_;
  std::span<const int32_t> ints_;
  std::span<const double> scalars_;
  std::vector<Tensor> inputs_;
};

struct OpRow {
  const char* name;
  std::vector<const char*> ints, scalars, inputs;
  int outputs;
  std::vector<const char*> mutates;
  std::vector<Tensor> (*run)(OpCall& call);
  const char* const* kinds = nullptr;  ///< names of the values of the int `kind`, null-terminated
};

std::span<const OpRow> op_table();

}  // namespace lapidary
