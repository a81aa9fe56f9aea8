// Problem structs describe one call of one kernel: shapes and options, no pointers. A struct lists its fields
// once,
//
//     template <class Self, class Visit> static void fields(Self& p, Visit&& visit) { visit("N", p.n); ... }
//
// and text, parsing and comparison follow. The text is what an error prints, what the verbose log prints and
// what the bench reads: "N=128 H=32 W=32 C=16 K=16 R=3 S=3 pad_h=1 pad_w=1"; fields at their default are left
// out.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/dims.h"
#include "core/error.h"

namespace lapidary {

/// A variable-length list of extents (multi-tensor kernels).
using Counts = std::vector<int64_t>;

/// No operand has more elements: products of its extents then never overflow.
inline constexpr int64_t kMostElements = int64_t{1} << 40;

// Every problem has `void check() const`, which throws when no kernel could run it. Problems that the ops
// make hold by construction; those that come as text (bench, tests) are checked before anything is computed
// from them.

/// Throws unless each extent is at least 1 and their product at most kMostElements.
inline void check_extents(std::initializer_list<int64_t> extents) {
  int64_t product = 1;
  for (int64_t extent : extents) {
    if (extent < 1 || __builtin_mul_overflow(product, extent, &product) || product > kMostElements) {
      fail(ErrorCode::Shape, "expected extents of at least 1 whose product is at most 2^40");
    }
  }
}
inline void check_counts(const Counts& counts) {
  if (counts.empty() || counts.size() > 65536)
    fail(ErrorCode::Shape, "expected 1 to 65,536 tensors, got %zu", counts.size());
  for (int64_t count : counts) check_extents({count});
}
inline void check_range(const char* name, int64_t value, int64_t low, int64_t high) {
  if (value >= low && value <= high) return;
  fail(ErrorCode::Argument, "expected %s in [%lld, %lld], got %lld", name, static_cast<long long>(low),
       static_cast<long long>(high), static_cast<long long>(value));
}
/// Throws unless offset + i . strides stays below `count` for all i inside `dims`.
inline void check_reach(const Dims& dims, const Dims& strides, int64_t offset, int64_t count) {
  bool inside = dims.rank() == strides.rank() && offset >= 0 && offset < count;
  int64_t elements = 1, last = offset;
  for (int axis = 0; inside && axis < dims.rank(); ++axis) {
    int64_t step = 0;
    inside = dims[axis] >= 1 && strides[axis] >= 0 &&
             !__builtin_mul_overflow(elements, dims[axis], &elements) && elements <= kMostElements &&
             !__builtin_mul_overflow(dims[axis] - 1, strides[axis], &step) &&
             !__builtin_add_overflow(last, step, &last) && last < count;
  }
  if (!inside) fail(ErrorCode::Shape, "expected extents and strides that stay inside their tensor");
}

namespace problem_detail {

// An enum that appears in a problem declares `const char* const* enum_names(E)`, a null-terminated list,
// beside itself.
template <class T>
std::string field_text(const T& value) {
  if constexpr (std::is_same_v<T, Dims> || std::is_same_v<T, Counts>) {
    std::string out;
    for (int64_t extent : value) {
      if (!out.empty()) out += 'x';
      out += std::to_string(extent);
    }
    return out.empty() ? "scalar" : out;
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "1" : "0";
  } else if constexpr (std::is_enum_v<T>) {
    return enum_names(value)[static_cast<int>(value)];
  } else if constexpr (std::is_floating_point_v<T>) {
    char buffer[40];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return std::string(buffer, end);
  } else {
    return std::to_string(value);
  }
}

template <class T>
void parse_number(std::string_view name, std::string_view text, T& value) {
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) {
    fail(ErrorCode::Argument, "problem field %.*s: expected a number, got '%.*s'",
         static_cast<int>(name.size()), name.data(), static_cast<int>(text.size()), text.data());
  }
}

template <class T>
void parse_field(std::string_view name, std::string_view text, T& value) {
  if constexpr (std::is_same_v<T, Dims> || std::is_same_v<T, Counts>) {
    value = T{};
    if (text == "scalar") return;
    while (true) {
      const size_t cross = text.find('x');
      int64_t extent = 0;
      parse_number(name, text.substr(0, cross), extent);
      value.push_back(extent);
      if (cross == std::string_view::npos) break;
      text.remove_prefix(cross + 1);
    }
  } else if constexpr (std::is_same_v<T, bool>) {
    value = text != "0" && text != "false";
  } else if constexpr (std::is_enum_v<T>) {
    const char* const* names = enum_names(value);
    for (int index = 0; names[index]; ++index) {
      if (text == names[index]) {
        value = static_cast<T>(index);
        return;
      }
    }
    fail(ErrorCode::Argument, "problem field %.*s: unknown value '%.*s'", static_cast<int>(name.size()),
         name.data(), static_cast<int>(text.size()), text.data());
  } else {
    parse_number(name, text, value);
  }
}

}  // namespace problem_detail

template <class P>
std::string problem_text(const P& problem) {
  P defaults;
  std::vector<std::string> plain;
  P::fields(defaults,
            [&](const char*, const auto& value) { plain.push_back(problem_detail::field_text(value)); });
  std::string out;
  size_t index = 0;
  P::fields(problem, [&](const char* name, const auto& value) {
    const std::string text = problem_detail::field_text(value);
    if (text == plain[index++]) return;
    if (!out.empty()) out += ' ';
    out.append(name).append(1, '=').append(text);
  });
  return out;
}

/// Reads the text form. Throws ERR_ARGUMENT naming an unknown field or a bad value.
template <class P>
P parse_problem(std::string_view text) {
  P problem;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    if (word.empty()) continue;
    const size_t equals = word.find('=');
    bool known = false;
    if (equals != std::string_view::npos) {
      P::fields(problem, [&](const char* name, auto& value) {
        if (!known && word.substr(0, equals) == name) {
          problem_detail::parse_field(name, word.substr(equals + 1), value);
          known = true;
        }
      });
    }
    if (!known) {
      fail(ErrorCode::Argument, "expected name=value with a field of this problem, got '%.*s'",
           static_cast<int>(word.size()), word.data());
    }
  }
  return problem;
}

}  // namespace lapidary
