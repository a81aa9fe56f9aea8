// A short list of extents or strides: the shape of a dense tensor, at most rank 6.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/error.h"

namespace lapidary {

class Dims {
 public:
  static constexpr int kMaxRank = 6;

  Dims() = default;
  Dims(std::initializer_list<int64_t> values) { assign(values.begin(), values.end()); }
  explicit Dims(std::span<const int64_t> values) { assign(values.begin(), values.end()); }

  int rank() const noexcept { return rank_; }
  int64_t operator[](int axis) const noexcept { return values_[static_cast<size_t>(axis)]; }
  int64_t& operator[](int axis) noexcept { return values_[static_cast<size_t>(axis)]; }
  const int64_t* begin() const noexcept { return values_.data(); }
  const int64_t* end() const noexcept { return values_.data() + rank_; }
  int64_t back() const noexcept { return values_[static_cast<size_t>(rank_ - 1)]; }

  void push_back(int64_t value) {
    if (rank_ == kMaxRank) fail(ErrorCode::Shape, "expected a rank of at most %d", kMaxRank);
    values_[static_cast<size_t>(rank_++)] = value;
  }

  /// The product of all extents; 1 for rank 0.
  int64_t count() const noexcept {
    int64_t product = 1;
    for (int64_t extent : *this) product *= extent;
    return product;
  }

  /// Row-major strides of a dense tensor of these extents.
  Dims dense_strides() const {
    Dims strides = *this;
    int64_t step = 1;
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      strides[axis] = step;
      step *= values_[static_cast<size_t>(axis)];
    }
    return strides;
  }

  /// "[2, 3, 4]", as error messages print it.
  std::string text() const {
    std::string out = "[";
    for (int axis = 0; axis < rank_; ++axis) {
      if (axis) out += ", ";
      out += std::to_string(values_[static_cast<size_t>(axis)]);
    }
    out += ']';
    return out;
  }

  friend bool operator==(const Dims& a, const Dims& b) noexcept {
    if (a.rank_ != b.rank_) return false;
    for (int axis = 0; axis < a.rank_; ++axis) {
      if (a[axis] != b[axis]) return false;
    }
    return true;
  }

 private:
  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    for (; first != last; ++first) push_back(*first);
  }

  std::array<int64_t, kMaxRank> values_{};
  int rank_ = 0;
};

}  // namespace lapidary
