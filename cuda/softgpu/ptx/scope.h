// The names of one function: nested scopes whose declarations hide outer ones, and labels that may be used
// before they are defined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "syntax.h"

namespace softgpu::ptx {

/// What a name stands for.
struct Symbol {
  enum class Kind : std::uint8_t {
    reg,
    variable,         ///< of the function
    module_variable,  ///< declared in the body, but .global or .const
    parameter,
    returned,
    prototype,
    branch_targets,
  };
  Kind kind;
  std::uint32_t index = 0;   ///< for a register once it is used
  Type type = Type::none;    ///< of a register
  std::uint32_t vector = 1;  ///< of a register declared with .v2 or .v4
};

class ScopeTree {
 public:
  ScopeTree() { open(); }

  void open();
  void close() { current_ = scopes_[current_].parent; }
  /// Identifies the current scope for find_label after it is closed.
  std::uint32_t current() const { return current_; }

  /// False if the current scope declares the name already.
  bool declare(std::string_view name, const Symbol& symbol);
  /// `prefix<count>`: prefix0 ... prefix(count-1).
  bool declare_registers(std::string_view prefix, std::uint64_t count, const Symbol& symbol);
  bool define_label(std::string_view name, std::uint32_t instruction);

  /// The innermost declaration of the name, or null. A register that no instruction named yet gets its index
  /// here and is appended to `registers`.
  const Symbol* find(std::string_view name, std::vector<Register>& registers);
  /// The instruction of the label as seen from `scope`, or null.
  const std::uint32_t* find_label(std::string_view name, std::uint32_t scope) const;

 private:
  static constexpr std::uint32_t kUnused = 0xffffffffu;
  struct Range {
    std::uint64_t count;
    Symbol symbol;
  };
  struct Scope {
    std::uint32_t parent;
    std::unordered_map<std::string_view, Symbol> symbols;  // names are views of the text
    std::unordered_map<std::string_view, Range> ranges;
    std::unordered_map<std::string_view, std::uint32_t> labels;
  };
  Symbol* find_in(Scope& scope, std::string_view name);

  std::vector<Scope> scopes_;
  std::uint32_t current_ = 0;
};

}  // namespace softgpu::ptx
