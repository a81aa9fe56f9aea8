// The statements between the braces of a function.
#pragma once

#include <vector>

#include "declaration.h"
#include "lexer.h"
#include "operand.h"
#include "scope.h"
#include "syntax.h"

namespace softgpu::ptx {

class BodyParser {
 public:
  /// `function` becomes entry `index` of module.functions. Variables in .global and .const are appended to
  /// the module.
  BodyParser(TokenReader& reader, Module& module, Function& function, std::uint32_t index)
      : reader_(reader), module_(module), function_(function), index_(index) {}

  /// Makes the parameters known and stores them in the function.
  void declare_parameters(const std::vector<Declared>& returns, const std::vector<Declared>& parameters);
  /// From the opening brace to the closing one.
  void parse();
  /// What neither the body nor its parameters declare: names of the module.
  const std::vector<UnresolvedName>& unresolved() const { return unresolved_; }
  /// Symbols that initialisers of .global and .const variables of the body name.
  const std::vector<Token>& initialiser_symbols() const { return initialiser_symbols_; }

 private:
  struct PendingName {
    std::uint32_t scope;
    std::uint32_t instruction;
    Token name;
  };
  struct PendingTarget {
    std::uint32_t scope;
    std::uint32_t list, element;  ///< of Function::branch_targets
    Token name;
  };

  void declare(const Token& name, const Symbol& symbol);
  void declare_parameter(const Declared& declared, Symbol::Kind kind, std::vector<Variable>& into);
  void statement();
  void directive();
  void registers();
  void variables(Space space, bool external);
  void location();
  void label();
  void prototype(const Token& name);
  void call_targets(const Token& name);
  void branch_targets(const Token& name);
  void instruction();
  Guard guard();
  void resolve_labels();
  std::uint32_t next_instruction() const { return static_cast<std::uint32_t>(function_.body.size()); }

  TokenReader& reader_;
  Module& module_;
  Function& function_;
  std::uint32_t index_;
  ScopeTree scopes_;
  Position position_;         ///< of the latest .loc
  std::vector<Token> names_;  ///< unresolved ones of the current instruction
  std::vector<PendingName> pending_;
  std::vector<PendingTarget> pending_targets_;
  std::vector<UnresolvedName> unresolved_;
  std::vector<Token> initialiser_symbols_;
};

}  // namespace softgpu::ptx
