// Operands of an instruction, with the names that are known where it stands resolved.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "lexer.h"
#include "scope.h"
#include "syntax.h"

namespace softgpu::ptx {

/// A name that was not declared before its use: a label further down, or something of the module.
struct UnresolvedName {
  std::uint32_t function;     ///< Module::functions
  std::uint32_t instruction;  ///< Function::body
  Token name;
};

class OperandParser {
 public:
  /// `unresolved` receives names to look up later; their operands are `function` with the name only.
  OperandParser(TokenReader& reader, ScopeTree& scopes, Function& function, std::vector<Token>& unresolved)
      : reader_(reader), scopes_(scopes), function_(function), unresolved_(unresolved) {}

  /// One operand of `opcode`.
  Operand parse(std::string_view opcode);

 private:
  Operand primary(std::string_view opcode);
  Operand constant();
  Operand memory();
  Operand named();
  Operand component(const Token& base, const Symbol* symbol);
  Operand vector_register(const Token& name, const Symbol& symbol) const;
  std::vector<Operand> sequence(std::string_view close);

  TokenReader& reader_;
  ScopeTree& scopes_;
  Function& function_;
  std::vector<Token>& unresolved_;
};

/// Gives every operand under `operand` that still has this unresolved name to `resolve`.
void resolve_name(Operand& operand, std::string_view name, const std::function<void(Operand&)>& resolve);

}  // namespace softgpu::ptx
