// PTX text to tokens, and the reader with three tokens of lookahead that the parser's parts share.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "parser.h"

namespace softgpu::ptx {

struct Token {
  enum class Kind : std::uint8_t {
    end,
    word,       ///< name, opcode, register: "ld", "%r1", "$L__BB0_3", "_"
    directive,  ///< with its dot: ".reg", ".L2::128B", ".x"
    integer,    ///< bits; `is_unsigned` with the suffix U or above the largest s64
    float32,    ///< bits of 0fXXXXXXXX
    float64,    ///< bits of 0dXXXXXXXXXXXXXXXX or of a decimal such as 1.5e3
    string,     ///< text without its quotes
    symbol,     ///< punctuation, operators of one or two characters
  };
  Kind kind = Kind::end;
  bool is_unsigned = false;
  std::uint32_t line = 1, column = 1;
  std::uint64_t bits = 0;
  std::string_view text;

  bool is(std::string_view symbol_text) const { return kind == Kind::symbol && text == symbol_text; }
  bool is_directive(std::string_view name) const { return kind == Kind::directive && text == name; }
  bool is_word() const { return kind == Kind::word; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  /// The next token; `end` for ever after the last one. Throws SyntaxError.
  Token next();

 private:
  void skip_line();
  void skip_blanks();
  Token read_number();
  Token read_string();
  Token token(Token::Kind kind, std::size_t begin, std::size_t end) const;
  [[noreturn]] void fail(std::size_t at, const std::string& message) const;
  char at(std::size_t position) const { return position < text_.size() ? text_[position] : '\0'; }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 1;
};

/// Tokens one after the other; the text must outlive it, for tokens are views of it.
class TokenReader {
 public:
  explicit TokenReader(std::string_view text);

  const Token& peek(std::size_t ahead = 0) const { return ahead_[(first_ + ahead) % ahead_.size()]; }
  Token take();
  /// Takes the token if it is this symbol or directive.
  bool accept(std::string_view symbol);
  bool accept_directive(std::string_view name);
  void expect(std::string_view symbol, const char* where);
  Token expect_word(const char* what);
  std::string_view expect_string(const char* what);
  /// A plain unsigned literal of at most `largest`.
  std::uint32_t expect_count(const char* what, std::uint64_t largest = 0xffffffffu);
  /// Skips from an opening symbol, which must come next, to the one that closes it.
  void skip_balanced(std::string_view open, std::string_view close);

  [[noreturn]] void fail_at(const Token& token, const std::string& message) const;
  /// Fails at the next token: "expected X, found Y".
  [[noreturn]] void fail_expected(const std::string& what) const;

 private:
  Lexer lexer_;
  std::array<Token, 3> ahead_;
  std::size_t first_ = 0;
};

}  // namespace softgpu::ptx
