// Declarations of variables, parameters and registers, with initialisers.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "constant.h"
#include "lexer.h"
#include "syntax.h"

namespace softgpu::ptx {

/// `variable` and the tokens that name it and the symbols of its initialiser, for messages and for names that
/// are views of the text.
struct Declared {
  Variable variable;
  Token name;
  std::vector<Token> symbols;
};

/// The space a directive such as ".shared" or ".reg" opens a declaration with.
std::optional<Space> space_of_directive(const Token& token);

/// From behind the state space to the semicolon: qualifiers, then one or more declarators.
std::vector<Declared> parse_variables(TokenReader& reader, Space space);

/// `( .param .b64 name, ... )`; `_` and missing names become empty ones.
std::vector<Declared> parse_parameters(TokenReader& reader);

struct DeclaredRegister {
  Token name;
  Type type;
  std::uint32_t vector;
  std::optional<std::uint64_t> count;  ///< of `name<count>`
};

/// From behind `.reg` to the semicolon.
std::vector<DeclaredRegister> parse_registers(TokenReader& reader);

/// One to three counts, the rest 1: `.maxntid 256, 1, 1`.
void parse_extent(TokenReader& reader, std::uint32_t (&extent)[3]);

}  // namespace softgpu::ptx
