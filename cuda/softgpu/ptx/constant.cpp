#include "constant.h"

#include <bit>

namespace softgpu::ptx {

namespace {

constexpr int kDeepest = 200;  // nested parentheses and signs: bounds this parser's own recursion
constexpr int kProduct = 10;   // binds like * / %

struct Binary {
  std::string_view symbol;
  int precedence;
};
constexpr Binary kBinary[] = {
    {"||", 1}, {"&&", 2}, {"|", 3}, {"^", 4},        {"&", 5},        {"==", 6},
    {"!=", 6}, {"<", 7},  {">", 7}, {"<=", 7},       {">=", 7},       {"<<", 8},
    {">>", 8}, {"+", 9},  {"-", 9}, {"*", kProduct}, {"/", kProduct}, {"%", kProduct},
};

int precedence_of(const Token& token) {
  if (token.kind != Token::Kind::symbol) return 0;
  for (const Binary& binary : kBinary)
    if (binary.symbol == token.text) return binary.precedence;
  return 0;
}

Constant integer(std::uint64_t bits, bool is_unsigned) {
  return {Constant::Kind::integer, is_unsigned, bits};
}

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenReader& reader) : reader_(reader) {}

  Constant conditional() {
    const Nesting nesting(*this);
    const Token start = reader_.peek();
    const Constant condition = binary(1);
    if (!reader_.peek().is("?")) return condition;
    require_integer(start, condition);
    reader_.take();
    const Constant yes = conditional();
    reader_.expect(":", "between the two results of '?'");
    const Constant no = conditional();
    return condition.bits != 0 ? yes : no;
  }

  Constant binary(int lowest) {
    Constant left = unary();
    for (;;) {
      const Token symbol = reader_.peek();
      const int precedence = precedence_of(symbol);
      if (precedence == 0 || precedence < lowest) return left;
      reader_.take();
      const Constant right = binary(precedence + 1);
      require_integer(symbol, left);
      require_integer(symbol, right);
      left = combine(symbol, left, right);
    }
  }

 private:
  struct Nesting {
    explicit Nesting(ExpressionParser& parser) : parser(parser) {
      if (++parser.depth_ > kDeepest) parser.reader_.fail_expected("a less deeply nested expression");
    }
    ~Nesting() { --parser.depth_; }
    ExpressionParser& parser;
  };

  void require_integer(const Token& where, const Constant& constant) const {
    if (constant.kind != Constant::Kind::integer) {
      reader_.fail_at(where, "a float literal cannot be part of a constant expression");
    }
  }

  Constant unary() {
    const Nesting nesting(*this);
    const Token token = reader_.peek();
    if (reader_.accept("+")) return unary();
    if (reader_.accept("-")) {
      Constant operand = unary();
      if (operand.kind == Constant::Kind::integer) operand.bits = 0 - operand.bits;
      if (operand.kind == Constant::Kind::float32) operand.bits ^= std::uint64_t{1} << 31;
      if (operand.kind == Constant::Kind::float64) operand.bits ^= std::uint64_t{1} << 63;
      return operand;
    }
    if (reader_.accept("~") || reader_.accept("!")) {
      const Constant operand = unary();
      require_integer(token, operand);
      if (token.is("!")) return integer(operand.bits == 0, false);
      return integer(~operand.bits, operand.is_unsigned);
    }
    if (token.is("(")) return parenthesised();
    switch (token.kind) {
      case Token::Kind::integer:
        return integer(reader_.take().bits, token.is_unsigned);
      case Token::Kind::float32:
        return {Constant::Kind::float32, false, reader_.take().bits};
      case Token::Kind::float64:
        return {Constant::Kind::float64, false, reader_.take().bits};
      default:
        reader_.fail_expected("a constant");
    }
  }

  Constant parenthesised() {
    reader_.take();
    const bool to_signed = reader_.accept_directive(".s64");
    const bool to_unsigned = !to_signed && reader_.accept_directive(".u64");
    if (to_signed || to_unsigned) {
      const Token cast = reader_.peek();
      reader_.expect(")", "after the type of a cast");
      const Constant operand = unary();
      require_integer(cast, operand);
      return integer(operand.bits, to_unsigned);
    }
    const Constant inner = conditional();
    reader_.expect(")", "after the expression in parentheses");
    return inner;
  }

  Constant combine(const Token& symbol, const Constant& left, const Constant& right) const {
    const std::string_view op = symbol.text;
    const std::uint64_t a = left.bits, b = right.bits;
    const auto sa = static_cast<std::int64_t>(a), sb = static_cast<std::int64_t>(b);
    const bool is_unsigned = left.is_unsigned || right.is_unsigned;
    if (op == "/" || op == "%") {
      if (b == 0) reader_.fail_at(symbol, "division by zero in a constant expression");
      const bool quotient = op == "/";
      if (is_unsigned) return integer(quotient ? a / b : a % b, true);
      if (sb == -1) return integer(quotient ? 0 - a : 0, false);  // also for the smallest s64
      return integer(static_cast<std::uint64_t>(quotient ? sa / sb : sa % sb), false);
    }
    if (op == "*") return integer(a * b, is_unsigned);
    if (op == "+") return integer(a + b, is_unsigned);
    if (op == "-") return integer(a - b, is_unsigned);
    if (op == "&") return integer(a & b, is_unsigned);
    if (op == "|") return integer(a | b, is_unsigned);
    if (op == "^") return integer(a ^ b, is_unsigned);
    if (op == "<<") return integer(b > 63 ? 0 : a << b, left.is_unsigned);
    if (op == ">>") {
      if (left.is_unsigned) return integer(b > 63 ? 0 : a >> b, true);
      return integer(static_cast<std::uint64_t>(sa >> (b > 63 ? 63 : b)), false);
    }
    if (op == "&&") return integer(a != 0 && b != 0, false);
    if (op == "||") return integer(a != 0 || b != 0, false);
    if (op == "==") return integer(a == b, false);
    if (op == "!=") return integer(a != b, false);
    const bool less = is_unsigned ? a < b : sa < sb;
    if (op == "<") return integer(less, false);
    if (op == ">=") return integer(!less, false);
    const bool greater = is_unsigned ? a > b : sa > sb;
    return integer(op == ">" ? greater : !greater, false);
  }

  TokenReader& reader_;
  int depth_ = 0;
};

}  // namespace

bool begins_constant(const Token& token) {
  switch (token.kind) {
    case Token::Kind::integer:
    case Token::Kind::float32:
    case Token::Kind::float64:
      return true;
    default:
      return token.is("-") || token.is("+") || token.is("~") || token.is("(");
  }
}

Constant parse_constant(TokenReader& reader) { return ExpressionParser(reader).conditional(); }

std::int64_t parse_offset(TokenReader& reader) {
  std::uint64_t sum = 0;
  while (reader.peek().is("+") || reader.peek().is("-")) {
    const Token sign = reader.take();
    const Constant product = ExpressionParser(reader).binary(kProduct);
    if (product.kind != Constant::Kind::integer) reader.fail_at(sign, "an offset is an integer");
    sum += sign.is("-") ? 0 - product.bits : product.bits;
  }
  return static_cast<std::int64_t>(sum);
}

std::uint64_t stored_bits(const Constant& constant, Type type) {
  if (type == Type::f32 || type == Type::f64) {
    double value = 0;
    switch (constant.kind) {
      case Constant::Kind::float32:
        if (type == Type::f32) return constant.bits;  // NaNs keep their payload
        value = std::bit_cast<float>(static_cast<std::uint32_t>(constant.bits));
        break;
      case Constant::Kind::float64:
        if (type == Type::f64) return constant.bits;
        value = std::bit_cast<double>(constant.bits);
        break;
      case Constant::Kind::integer:
        value = constant.is_unsigned ? static_cast<double>(constant.bits)
                                     : static_cast<double>(static_cast<std::int64_t>(constant.bits));
        break;
    }
    if (type == Type::f64) return std::bit_cast<std::uint64_t>(value);
    return std::bit_cast<std::uint32_t>(static_cast<float>(value));
  }
  const std::uint32_t bytes = bytes_of(type);
  return bytes >= 8 ? constant.bits : constant.bits & ((std::uint64_t{1} << (8 * bytes)) - 1);
}

}  // namespace softgpu::ptx
