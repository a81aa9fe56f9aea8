#include "scope.h"

#include <charconv>

namespace softgpu::ptx {

void ScopeTree::open() {
  scopes_.push_back({current_, {}, {}, {}});
  current_ = static_cast<std::uint32_t>(scopes_.size() - 1);
}

bool ScopeTree::declare(std::string_view name, const Symbol& symbol) {
  Symbol stored = symbol;
  if (symbol.kind == Symbol::Kind::reg) stored.index = kUnused;
  return scopes_[current_].symbols.emplace(name, stored).second;
}

bool ScopeTree::declare_registers(std::string_view prefix, std::uint64_t count, const Symbol& symbol) {
  Symbol stored = symbol;
  stored.index = kUnused;
  return scopes_[current_].ranges.emplace(prefix, Range{count, stored}).second;
}

bool ScopeTree::define_label(std::string_view name, std::uint32_t instruction) {
  return scopes_[current_].labels.emplace(name, instruction).second;
}

Symbol* ScopeTree::find_in(Scope& scope, std::string_view name) {
  if (const auto exact = scope.symbols.find(name); exact != scope.symbols.end()) return &exact->second;
  if (scope.ranges.empty()) return nullptr;
  // "%r12" may be number 12 of "%r" or number 2 of "%r1".
  constexpr std::size_t most_digits = 10;
  for (std::size_t digits = 1; digits <= most_digits && digits < name.size(); ++digits) {
    const std::string_view number = name.substr(name.size() - digits);
    if (number[0] < '0' || number[0] > '9') return nullptr;
    if (number[0] == '0' && digits > 1) continue;  // %r07 is not a member of %r<8>
    const auto range = scope.ranges.find(name.substr(0, name.size() - digits));
    if (range == scope.ranges.end()) continue;
    std::uint64_t value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    if (value < range->second.count) return &scope.symbols.emplace(name, range->second.symbol).first->second;
  }
  return nullptr;
}

const Symbol* ScopeTree::find(std::string_view name, std::vector<Register>& registers) {
  for (std::uint32_t at = current_;; at = scopes_[at].parent) {
    Symbol* symbol = find_in(scopes_[at], name);
    if (symbol != nullptr) {
      if (symbol->kind == Symbol::Kind::reg && symbol->index == kUnused) {
        constexpr std::string_view components = "xyzw";
        symbol->index = static_cast<std::uint32_t>(registers.size());
        for (std::uint32_t i = 0; i < symbol->vector; ++i) {
          std::string register_name(name);
          if (symbol->vector > 1) register_name += std::string(".") + components[i];
          registers.push_back({register_name, symbol->type});
        }
      }
      return symbol;
    }
    if (at == 0) return nullptr;
  }
}

const std::uint32_t* ScopeTree::find_label(std::string_view name, std::uint32_t scope) const {
  for (std::uint32_t at = scope;; at = scopes_[at].parent) {
    const auto label = scopes_[at].labels.find(name);
    if (label != scopes_[at].labels.end()) return &label->second;
    if (at == 0) return nullptr;
  }
}

}  // namespace softgpu::ptx
