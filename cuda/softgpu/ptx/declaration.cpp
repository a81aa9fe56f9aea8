#include "declaration.h"

#include <bit>

namespace softgpu::ptx {

namespace {

// Limits of this parser, far above what a device holds; they keep sizes from overflowing.
constexpr std::uint64_t kLargestVariable = std::uint64_t{1} << 40;
constexpr std::uint64_t kLargestAlignment = std::uint64_t{1} << 20;
constexpr std::size_t kMostInitialisers = std::size_t{1} << 26;
constexpr std::uint64_t kMostPadding = std::uint64_t{1} << 20;
constexpr std::size_t kMostDimensions = 16;

std::optional<std::uint32_t> vector_named(const Token& token) {
  if (token.is_directive(".v2")) return 2;
  if (token.is_directive(".v4")) return 4;
  return std::nullopt;
}

Type type_of_directive(const Token& token) {
  return token.kind == Token::Kind::directive ? type_named(token.text.substr(1)) : Type::none;
}

std::uint32_t parse_alignment(TokenReader& reader) {
  const Token token = reader.peek();
  const std::uint32_t align = reader.expect_count("an alignment in bytes", kLargestAlignment);
  if (!std::has_single_bit(align)) reader.fail_at(token, "an alignment is a power of two");
  return align;
}

void parse_attributes(TokenReader& reader, Variable& variable) {
  reader.expect("(", "after .attribute");
  do {
    if (reader.accept_directive(".managed")) {
      variable.managed = true;
    } else if (reader.accept_directive(".unified")) {
      reader.skip_balanced("(", ")");
    } else {
      reader.fail_expected("the attribute .managed or .unified");
    }
  } while (reader.accept(","));
  reader.expect(")", "after the attributes");
}

/// `.align`, `.attribute`, `.vN`, `.ptr ...` and the type, in the order the compiler likes.
void parse_qualifiers(TokenReader& reader, Variable& variable) {
  variable.type = Type::none;
  bool pointee = false;  // behind .ptr, .align is that of what the parameter points to
  while (reader.peek().kind == Token::Kind::directive) {
    const Token token = reader.peek();
    if (token.text == ".align") {
      reader.take();
      const std::uint32_t align = parse_alignment(reader);
      if (!pointee) variable.align = align;
    } else if (token.text == ".attribute") {
      reader.take();
      parse_attributes(reader, variable);
    } else if (token.text == ".ptr") {
      reader.take();
      pointee = true;
    } else if (pointee && space_of_directive(token)) {
      reader.take();
    } else if (const auto vector = vector_named(token)) {
      reader.take();
      variable.vector = *vector;
    } else if (const Type type = type_of_directive(token); type != Type::none) {
      if (variable.type != Type::none) reader.fail_expected("one type only");
      reader.take();
      variable.type = type;
    } else if (token.text == ".texref" || token.text == ".surfref" || token.text == ".samplerref") {
      reader.fail_at(token, "texture references are not supported");
    } else {
      reader.fail_expected("a type, .align, .v2, .v4, .attribute or .ptr");
    }
  }
  if (variable.type == Type::none) reader.fail_expected("a type such as .b32");
  if (variable.type == Type::pred && variable.space != Space::reg) {
    reader.fail_expected("a type that has a size in memory (.pred is for registers)");
  }
}

/// The dimensions of an array, outermost first; the outermost may be 0 = not given.
std::vector<std::uint64_t> parse_dimensions(TokenReader& reader) {
  std::vector<std::uint64_t> dimensions;
  while (reader.peek().is("[")) {
    const Token bracket = reader.take();
    std::uint64_t size = 0;
    if (!reader.peek().is("]")) {
      const Constant constant = parse_constant(reader);
      if (constant.kind != Constant::Kind::integer || constant.bits > kLargestVariable) {
        reader.fail_at(bracket, "the size of an array is an integer of at most 2^40");
      }
      size = constant.bits;
    } else if (!dimensions.empty()) {
      reader.fail_at(bracket, "only the first dimension of an array may be left open");
    }
    reader.expect("]", "after the size of an array");
    if (dimensions.size() == kMostDimensions) reader.fail_at(bracket, "more than 16 dimensions");
    dimensions.push_back(size);
  }
  return dimensions;
}

class InitialiserParser {
 public:
  InitialiserParser(TokenReader& reader, Declared& declared, std::vector<std::uint64_t> dimensions)
      : reader_(reader),
        variable_(declared.variable),
        symbols_(declared.symbols),
        dimensions_(std::move(dimensions)) {
    if (variable_.vector > 1) dimensions_.push_back(variable_.vector);
  }

  void parse() {
    if (reader_.peek().is("{")) {
      list(0);
    } else {
      element();
    }
  }

 private:
  /// One brace level; inner ones are filled up with zeros so that what follows stands where it belongs.
  void list(std::size_t level) {
    const Token brace = reader_.peek();
    reader_.expect("{", "before a list of initialisers");
    if (level >= dimensions_.size()) reader_.fail_at(brace, "more braces than the array has dimensions");
    const std::size_t begin = variable_.initial.size();
    while (!reader_.peek().is("}")) {
      if (reader_.peek().is("{")) {
        const std::size_t inner = variable_.initial.size();
        list(level + 1);
        pad(brace, inner, level + 1);
      } else {
        element();
      }
      if (!reader_.accept(",")) break;
    }
    reader_.expect("}", "after the initialisers");
    const std::uint64_t room = elements_below(level);
    if (room != 0 && variable_.initial.size() - begin > room) {
      reader_.fail_at(brace, "more initialisers than elements");
    }
  }

  std::uint64_t elements_below(std::size_t level) const {
    std::uint64_t product = 1;
    for (std::size_t i = level; i < dimensions_.size(); ++i) product *= dimensions_[i];
    return product;
  }

  void pad(const Token& brace, std::size_t begin, std::size_t level) {
    const std::uint64_t given = variable_.initial.size() - begin;
    const std::uint64_t missing = elements_below(level) - given;
    if (missing > kMostPadding || missing + variable_.initial.size() > kMostInitialisers) {
      reader_.fail_at(brace, "an initialiser too sparse for this parser");
    }
    Initial zero;
    zero.bytes = bytes_of(variable_.type);
    variable_.initial.resize(variable_.initial.size() + missing, zero);
  }

  void element() {
    if (variable_.initial.size() >= kMostInitialisers) reader_.fail_expected("fewer initialisers");
    Initial initial;
    initial.bytes = bytes_of(variable_.type);
    if (reader_.peek().is_word()) {
      address(initial);
    } else if (reader_.peek().kind == Token::Kind::integer && reader_.peek(1).is("(")) {
      initial.mask = reader_.take().bits;  // 0xFF00(symbol)
      if (initial.mask == 0) reader_.fail_expected("a mask other than 0");
      reader_.expect("(", "after a mask");
      if (!reader_.peek().is_word()) reader_.fail_expected("a symbol after a mask");
      address(initial);
      reader_.expect(")", "after the symbol of a mask");
    } else {
      initial.bits = stored_bits(parse_constant(reader_), variable_.type);
    }
    variable_.initial.push_back(std::move(initial));
  }

  /// symbol, symbol+12, generic(symbol)+12
  void address(Initial& initial) {
    Token symbol = reader_.take();
    if (symbol.text == "generic" && reader_.accept("(")) {
      initial.generic = true;
      symbol = reader_.expect_word("the name of a variable");
      initial.bits = static_cast<std::uint64_t>(parse_offset(reader_));
      reader_.expect(")", "after generic(name");
    }
    initial.symbol = symbol.text;
    symbols_.push_back(symbol);
    initial.bits += static_cast<std::uint64_t>(parse_offset(reader_));
  }

  TokenReader& reader_;
  Variable& variable_;
  std::vector<Token>& symbols_;
  std::vector<std::uint64_t> dimensions_;
};

/// Name, dimensions and initialiser of one variable whose qualifiers are known.
Declared parse_declarator(TokenReader& reader, const Variable& qualified) {
  Declared declared{qualified, reader.expect_word("a name"), {}};
  Variable& variable = declared.variable;
  variable.name = declared.name.text;
  const std::vector<std::uint64_t> dimensions = parse_dimensions(reader);
  std::uint64_t count = 1, bytes = 0;
  for (const std::uint64_t size : dimensions) {
    if (__builtin_mul_overflow(count, size, &count)) {
      reader.fail_at(declared.name, "an array of more than 2^40 bytes");
    }
  }
  if (__builtin_mul_overflow(count, std::uint64_t{variable.vector} * bytes_of(variable.type), &bytes) ||
      bytes > kLargestVariable) {
    reader.fail_at(declared.name, "an array of more than 2^40 bytes");
  }
  variable.count = count;
  if (reader.accept("=")) {
    InitialiserParser(reader, declared, dimensions).parse();
    if (count == 0) {
      std::uint64_t per_element = variable.vector;
      for (std::size_t i = 1; i < dimensions.size(); ++i) per_element *= dimensions[i];
      if (per_element == 0) reader.fail_at(declared.name, "an array without a size");
      const std::uint64_t rows = (variable.initial.size() + per_element - 1) / per_element;
      variable.count = rows * per_element / variable.vector;
    }
  }
  return declared;
}

}  // namespace

std::optional<Space> space_of_directive(const Token& token) {
  if (token.kind != Token::Kind::directive) return std::nullopt;
  if (token.text == ".global") return Space::global;
  if (token.text == ".const") return Space::constant;
  if (token.text == ".shared") return Space::shared;
  if (token.text == ".local") return Space::local;
  if (token.text == ".param") return Space::param;
  if (token.text == ".reg") return Space::reg;
  return std::nullopt;
}

std::vector<Declared> parse_variables(TokenReader& reader, Space space) {
  Variable qualified;
  qualified.space = space;
  parse_qualifiers(reader, qualified);
  std::vector<Declared> declared;
  do {
    declared.push_back(parse_declarator(reader, qualified));
  } while (reader.accept(","));
  reader.expect(";", "after a declaration");
  return declared;
}

std::vector<Declared> parse_parameters(TokenReader& reader) {
  std::vector<Declared> parameters;
  reader.expect("(", "before parameters");
  if (reader.accept(")")) return parameters;
  do {
    const std::optional<Space> space = space_of_directive(reader.peek());
    if (space != Space::param && space != Space::reg) reader.fail_expected(".param or .reg");
    reader.take();
    Variable qualified;
    qualified.space = *space;
    parse_qualifiers(reader, qualified);
    if (reader.peek().is_word()) {
      parameters.push_back(parse_declarator(reader, qualified));
      if (!parameters.back().variable.initial.empty()) {
        reader.fail_at(parameters.back().name, "a parameter has no initialiser");
      }
      if (parameters.back().variable.name == "_") parameters.back().variable.name.clear();
    } else {
      parameters.push_back({qualified, reader.peek(), {}});
    }
  } while (reader.accept(","));
  reader.expect(")", "after the parameters");
  return parameters;
}

std::vector<DeclaredRegister> parse_registers(TokenReader& reader) {
  Variable qualified;
  qualified.space = Space::reg;
  parse_qualifiers(reader, qualified);
  std::vector<DeclaredRegister> registers;
  do {
    DeclaredRegister declared{
        reader.expect_word("the name of a register"), qualified.type, qualified.vector, {}};
    if (reader.accept("<")) {
      declared.count = reader.expect_count("the number of registers");
      reader.expect(">", "after the number of registers");
    }
    registers.push_back(declared);
  } while (reader.accept(","));
  reader.expect(";", "after the registers");
  return registers;
}

void parse_extent(TokenReader& reader, std::uint32_t (&extent)[3]) {
  extent[0] = reader.expect_count("a number of threads or blocks");
  for (int axis = 1; axis < 3; ++axis) {
    extent[axis] = reader.accept(",") ? reader.expect_count("a number of threads or blocks") : 1;
  }
}

}  // namespace softgpu::ptx
