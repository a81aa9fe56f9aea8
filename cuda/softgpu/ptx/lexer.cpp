#include "lexer.h"

#include <bit>
#include <charconv>
#include <limits>

namespace softgpu::ptx {

namespace {

// Locale-free character classes of ASCII: PTX is ASCII outside strings and comments.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool continues_name(char c) { return is_digit(c) || is_letter(c) || c == '_' || c == '$'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }

constexpr std::string_view kPairs[] = {"<<", ">>", "<=", ">=", "==", "!=", "&&", "||"};
constexpr std::string_view kSingles = "{}()[],;:+-!|@=<>~*/%&^?";

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result;
  for (char c : text.substr(0, longest)) result += c >= ' ' && c <= '~' ? c : '?';
  return text.size() > longest ? result + "..." : result;
}

}  // namespace

SyntaxError::SyntaxError(std::uint32_t line, std::uint32_t column, const std::string& message)
    : std::runtime_error("PTX line " + std::to_string(line) + ", column " + std::to_string(column) + ": " +
                         message),
      line(line),
      column(column) {}

void Lexer::fail(std::size_t at, const std::string& message) const {
  throw SyntaxError(line_, static_cast<std::uint32_t>(at - line_begin_ + 1), message);
}

Token Lexer::token(Token::Kind kind, std::size_t begin, std::size_t end) const {
  Token result;
  result.kind = kind;
  result.line = line_;
  result.column = static_cast<std::uint32_t>(begin - line_begin_ + 1);
  result.text = text_.substr(begin, end - begin);
  return result;
}

void Lexer::skip_line() {
  while (position_ < text_.size() && text_[position_] != '\n') ++position_;
}

void Lexer::skip_blanks() {
  for (;;) {
    const char c = at(position_);
    if (c == '/' && at(position_ + 1) == '/') {
      skip_line();
    } else if (c == '/' && at(position_ + 1) == '*') {
      const std::size_t open = position_;
      const std::size_t close = text_.find("*/", open + 2);
      if (close == std::string_view::npos) fail(open, "comment without its */");
      for (; position_ < close + 2; ++position_) {
        if (text_[position_] != '\n') continue;
        ++line_;
        line_begin_ = position_ + 1;
      }
    } else if (is_blank(c)) {
      ++position_;
      if (c != '\n') continue;
      ++line_;
      line_begin_ = position_;
    } else if (c == '@' && text_.substr(position_, 2) == "@@") {
      skip_line();  // @@DWARF lines of old compilers
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  skip_blanks();
  if (position_ >= text_.size()) return token(Token::Kind::end, text_.size(), text_.size());
  const std::size_t begin = position_;
  const char c = text_[begin];

  const bool percent_name = c == '%' && continues_name(at(begin + 1));
  if (is_letter(c) || c == '_' || c == '$' || percent_name) {
    ++position_;
    while (continues_name(at(position_))) ++position_;
    return token(Token::Kind::word, begin, position_);
  }
  if (c == '.' && continues_name(at(begin + 1))) {
    ++position_;
    for (;;) {
      if (continues_name(at(position_))) {
        ++position_;
      } else if (at(position_) == ':' && at(position_ + 1) == ':' && continues_name(at(position_ + 2))) {
        position_ += 3;
      } else {
        return token(Token::Kind::directive, begin, position_);
      }
    }
  }
  if (is_digit(c)) return read_number();
  if (c == '"') return read_string();
  for (std::string_view pair : kPairs) {
    if (text_.substr(begin, 2) != pair) continue;
    position_ += 2;
    return token(Token::Kind::symbol, begin, position_);
  }
  if (kSingles.find(c) == std::string_view::npos) {
    char code[8];
    const auto end = std::to_chars(code, code + sizeof code, static_cast<unsigned char>(c), 16).ptr;
    fail(begin, "character 0x" + std::string(code, end) + " has no place in PTX");
  }
  ++position_;
  return token(Token::Kind::symbol, begin, position_);
}

Token Lexer::read_number() {
  const std::size_t begin = position_;
  std::size_t digits = begin;
  int base = 10;
  std::size_t exact_digits = 0;  // 0f and 0d literals have a fixed length
  Token::Kind kind = Token::Kind::integer;
  const char second = static_cast<char>(at(begin + 1) | 0x20);
  if (at(begin) == '0' && second == 'x') {
    base = 16, digits += 2;
  } else if (at(begin) == '0' && second == 'b') {
    base = 2, digits += 2;
  } else if (at(begin) == '0' && second == 'f') {
    base = 16, digits += 2, exact_digits = 8, kind = Token::Kind::float32;
  } else if (at(begin) == '0' && second == 'd') {
    base = 16, digits += 2, exact_digits = 16, kind = Token::Kind::float64;
  } else if (at(begin) == '0' && is_digit(at(begin + 1))) {
    base = 8, digits += 1;
  }

  const char* const first = text_.data() + digits;
  const char* const last = text_.data() + text_.size();
  std::uint64_t bits = 0;
  auto [end, error] = std::from_chars(first, last, bits, base);
  std::size_t after = digits + static_cast<std::size_t>(end - first);
  if (base == 10 && ((at(after) == '.' && is_digit(at(after + 1))) || (at(after) | 0x20) == 'e')) {
    double value = 0;
    const auto real = std::from_chars(first, last, value);
    if (real.ec != std::errc()) fail(begin, "a decimal outside the range of f64");
    after = digits + static_cast<std::size_t>(real.ptr - first);
    bits = std::bit_cast<std::uint64_t>(value);
    kind = Token::Kind::float64;
    error = std::errc();
  }
  if (error == std::errc::result_out_of_range) fail(begin, "an integer of more than 64 bits");
  if (error != std::errc()) fail(begin, "a number without digits");
  if (exact_digits != 0 && after - digits != exact_digits) {
    fail(begin, "a 0f literal has 8 hexadecimal digits and a 0d literal 16, found " +
                    std::to_string(after - digits));
  }
  Token result;
  if (kind == Token::Kind::integer && (at(after) | 0x20) == 'u') {
    ++after;
    result.is_unsigned = true;
  }
  if (continues_name(at(after))) {
    fail(begin, "'" + printable(text_.substr(begin, after + 1 - begin)) + "' is no number");
  }
  position_ = after;
  const bool is_unsigned = result.is_unsigned;
  result = token(kind, begin, after);
  result.bits = bits;
  result.is_unsigned =
      is_unsigned || bits > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return result;
}

Token Lexer::read_string() {
  const std::size_t begin = position_;
  std::size_t end = begin + 1;
  while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') {
    end += text_[end] == '\\' && at(end + 1) != '\n' ? 2 : 1;
  }
  if (at(end) != '"') fail(begin, "string without its closing quote on the line");
  Token result = token(Token::Kind::string, begin, end);
  result.text.remove_prefix(1);
  position_ = end + 1;
  return result;
}

TokenReader::TokenReader(std::string_view text) : lexer_(text) {
  for (Token& token : ahead_) token = lexer_.next();
}

Token TokenReader::take() {
  const Token result = ahead_[first_];
  ahead_[first_] = lexer_.next();
  first_ = (first_ + 1) % ahead_.size();
  return result;
}

bool TokenReader::accept(std::string_view symbol) {
  if (!peek().is(symbol)) return false;
  take();
  return true;
}

bool TokenReader::accept_directive(std::string_view name) {
  if (!peek().is_directive(name)) return false;
  take();
  return true;
}

void TokenReader::expect(std::string_view symbol, const char* where) {
  if (!accept(symbol)) fail_expected("'" + std::string(symbol) + "' " + where);
}

Token TokenReader::expect_word(const char* what) {
  if (!peek().is_word()) fail_expected(what);
  return take();
}

std::string_view TokenReader::expect_string(const char* what) {
  if (peek().kind != Token::Kind::string) fail_expected(what);
  return take().text;
}

std::uint32_t TokenReader::expect_count(const char* what, std::uint64_t largest) {
  if (peek().kind != Token::Kind::integer) fail_expected(what);
  if (peek().bits > largest) fail_expected(std::string(what) + " of at most " + std::to_string(largest));
  return static_cast<std::uint32_t>(take().bits);
}

void TokenReader::skip_balanced(std::string_view open, std::string_view close) {
  const Token opening = peek();
  expect(open, "here");
  for (std::size_t depth = 1; depth != 0;) {
    const Token token = take();
    if (token.kind == Token::Kind::end) {
      fail_at(opening, "'" + std::string(open) + "' without its '" + std::string(close) + "'");
    }
    if (token.is(open)) ++depth;
    if (token.is(close)) --depth;
  }
}

void TokenReader::fail_at(const Token& token, const std::string& message) const {
  throw SyntaxError(token.line, token.column, message);
}

void TokenReader::fail_expected(const std::string& what) const {
  const Token& found = peek();
  const std::string seen =
      found.kind == Token::Kind::end ? "the end of the text" : "'" + printable(found.text) + "'";
  fail_at(found, "expected " + what + ", found " + seen);
}

}  // namespace softgpu::ptx
