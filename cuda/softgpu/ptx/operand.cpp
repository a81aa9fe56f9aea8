#include "operand.h"

#include <algorithm>

#include "constant.h"

namespace softgpu::ptx {

namespace {

// Special registers (manual section 10). Numbered ones are tested by their prefix.
constexpr std::string_view kVectorSpecials[] = {
    "%tid", "%ntid", "%ctaid", "%nctaid", "%clusterid", "%nclusterid", "%cluster_ctaid", "%cluster_nctaid",
};
constexpr std::string_view kSpecials[] = {
    "%laneid",
    "%warpid",
    "%nwarpid",
    "%smid",
    "%nsmid",
    "%gridid",
    "%is_explicit_cluster",
    "%cluster_ctarank",
    "%cluster_nctarank",
    "%lanemask_eq",
    "%lanemask_le",
    "%lanemask_lt",
    "%lanemask_ge",
    "%lanemask_gt",
    "%clock",
    "%clock_hi",
    "%clock64",
    "%globaltimer",
    "%globaltimer_lo",
    "%globaltimer_hi",
    "%total_smem_size",
    "%aggr_smem_size",
    "%dynamic_smem_size",
    "%current_graph_exec",
};
constexpr std::string_view kNumberedSpecials[] = {"%pm", "%envreg", "%reserved_smem_offset_"};

template <std::size_t n>
bool contains(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_special(std::string_view name) {
  if (contains(kSpecials, name) || contains(kVectorSpecials, name)) return true;
  return std::any_of(std::begin(kNumberedSpecials), std::end(kNumberedSpecials),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

/// 0..3 of ".x" to ".w" or ".r" to ".a"; 4 if it is none.
std::uint32_t component_index(std::string_view directive) {
  if (directive.size() != 2) return 4;
  for (std::string_view letters : {"xyzw", "rgba"}) {
    if (const auto at = letters.find(directive[1]); at != std::string_view::npos) {
      return static_cast<std::uint32_t>(at);
    }
  }
  return 4;
}

/// ".b0", ".h1", ".b3210": bytes or halves of a video instruction's operand.
bool is_part(std::string_view directive) {
  return directive.size() >= 3 && directive.size() <= 6 && (directive[1] == 'b' || directive[1] == 'h') &&
         directive.substr(2).find_first_not_of("01234567") == std::string_view::npos;
}

Operand register_operand(std::uint32_t index, std::string name) {
  Operand operand;
  operand.kind = Operand::Kind::reg;
  operand.index = index;
  operand.name = std::move(name);
  return operand;
}

}  // namespace

Operand OperandParser::parse(std::string_view opcode) {
  Operand first = primary(opcode);
  if (!reader_.peek().is("|")) return first;
  if (first.kind != Operand::Kind::reg && first.kind != Operand::Kind::sink) {
    reader_.fail_expected("',' or ';' ('|' stands between two registers)");
  }
  reader_.take();
  Operand pair;
  pair.kind = Operand::Kind::pair;
  pair.elements.push_back(std::move(first));
  pair.elements.push_back(primary(opcode));
  return pair;
}

Operand OperandParser::primary(std::string_view opcode) {
  const Token token = reader_.peek();
  if (token.is("[")) return memory();
  if (token.is("{")) {
    reader_.take();
    Operand vector;
    vector.kind = Operand::Kind::vector;
    vector.elements = sequence("}");
    return vector;
  }
  if (token.is("(") && opcode == "call") {
    reader_.take();
    Operand list;
    list.kind = Operand::Kind::list;
    list.elements = sequence(")");
    return list;
  }
  const bool negated = (token.is("!") || token.is("-")) && reader_.peek(1).is_word();
  if (negated) reader_.take();
  if (negated || token.is_word()) {
    if (opcode == "bra") {  // a label even if a variable has its name
      Operand target;
      target.kind = Operand::Kind::function;
      const Token label = reader_.expect_word("a label");
      target.name = label.text;
      unresolved_.push_back(label);
      return target;
    }
    const Token name = reader_.peek();
    Operand operand = named();
    if (negated && operand.kind != Operand::Kind::reg) {
      reader_.fail_at(name, "only a register can be negated here");
    }
    operand.negated = negated;
    return operand;
  }
  if (begins_constant(token)) return constant();
  reader_.fail_expected("an operand");
}

std::vector<Operand> OperandParser::sequence(std::string_view close) {
  std::vector<Operand> elements;
  if (reader_.accept(close)) return elements;
  do {
    elements.push_back(begins_constant(reader_.peek()) ? constant() : named());
  } while (reader_.accept(","));
  if (!reader_.accept(close)) reader_.fail_expected("',' or '" + std::string(close) + "'");
  return elements;
}

Operand OperandParser::constant() {
  const Constant value = parse_constant(reader_);
  Operand operand;
  operand.bits = value.bits;
  switch (value.kind) {
    case Constant::Kind::integer:
      operand.kind = Operand::Kind::integer;
      break;
    case Constant::Kind::float32:
      operand.kind = Operand::Kind::float32;
      break;
    case Constant::Kind::float64:
      operand.kind = Operand::Kind::float64;
      break;
  }
  return operand;
}

Operand OperandParser::memory() {
  reader_.take();
  Operand operand;
  operand.kind = Operand::Kind::memory;
  if (begins_constant(reader_.peek())) {
    const Token start = reader_.peek();
    operand.elements.push_back(constant());
    if (operand.elements[0].kind != Operand::Kind::integer) {
      reader_.fail_at(start, "an address is a register, a variable or an integer");
    }
  } else {
    const Token base = reader_.peek();
    operand.elements.push_back(named());
    const Operand::Kind kind = operand.elements[0].kind;
    if (kind != Operand::Kind::reg && kind != Operand::Kind::variable && kind != Operand::Kind::parameter &&
        kind != Operand::Kind::function) {
      reader_.fail_at(base, "an address is a register, a variable or an integer");
    }
    std::swap(operand.offset, operand.elements[0].offset);
    operand.offset += parse_offset(reader_);
  }
  while (reader_.accept(",")) {
    if (reader_.peek().is("[")) reader_.fail_expected("a coordinate");
    operand.elements.push_back(primary({}));
  }
  reader_.expect("]", "after an address");
  return operand;
}

Operand OperandParser::vector_register(const Token& name, const Symbol& symbol) const {
  Operand operand;
  operand.kind = Operand::Kind::vector;
  operand.name = name.text;
  for (std::uint32_t i = 0; i < symbol.vector; ++i) {
    const std::uint32_t index = symbol.index + i;
    operand.elements.push_back(register_operand(index, function_.registers[index].name));
  }
  return operand;
}

/// What a word with a component behind it means: %tid.x, an element of a vector register, a part of a
/// register.
Operand OperandParser::component(const Token& base, const Symbol* symbol) {
  const Token part = reader_.take();
  const std::uint32_t element = component_index(part.text);
  const std::string full = std::string(base.text) + std::string(part.text);
  if (symbol == nullptr) {
    if (!contains(kVectorSpecials, base.text) || element == 4) {
      reader_.fail_at(base, "'" + full + "' is neither a special register nor an element of a register");
    }
    Operand operand;
    operand.kind = Operand::Kind::special;
    operand.name = full;
    return operand;
  }
  if (symbol->kind == Symbol::Kind::reg && element < symbol->vector && symbol->vector > 1) {
    return register_operand(symbol->index + element, full);
  }
  if (symbol->kind != Symbol::Kind::reg || symbol->vector != 1 || !is_part(part.text)) {
    reader_.fail_at(part, "'" + std::string(base.text) + "' has no part '" + std::string(part.text) + "'");
  }
  Operand operand;
  operand.kind = Operand::Kind::selected;
  operand.name = part.text.substr(1);
  operand.elements.push_back(register_operand(symbol->index, std::string(base.text)));
  return operand;
}

Operand OperandParser::named() {
  const Token token = reader_.expect_word("an operand");
  Operand operand;
  if (token.text == "_") return operand;
  const Symbol* symbol = scopes_.find(token.text, function_.registers);
  if (reader_.peek().kind == Token::Kind::directive) return component(token, symbol);
  operand.name = token.text;
  if (symbol == nullptr) {
    if (is_special(token.text)) {
      operand.kind = Operand::Kind::special;
      return operand;
    }
    if (token.text == "WARP_SZ") {
      operand.kind = Operand::Kind::integer;
      operand.bits = 32;
      return operand;
    }
    operand.kind = Operand::Kind::function;
    operand.offset = parse_offset(reader_);
    unresolved_.push_back(token);
    return operand;
  }
  operand.index = symbol->index;
  switch (symbol->kind) {
    case Symbol::Kind::reg:
      if (symbol->vector > 1) return vector_register(token, *symbol);
      operand.kind = Operand::Kind::reg;
      return operand;
    case Symbol::Kind::variable:
      operand.local = true;
      [[fallthrough]];
    case Symbol::Kind::module_variable:
      operand.kind = Operand::Kind::variable;
      break;
    case Symbol::Kind::returned:
      operand.returned = true;
      [[fallthrough]];
    case Symbol::Kind::parameter:
      operand.kind = Operand::Kind::parameter;
      break;
    case Symbol::Kind::prototype:
      operand.kind = Operand::Kind::prototype;
      return operand;
    case Symbol::Kind::branch_targets:
      operand.kind = Operand::Kind::branch_targets;
      return operand;
  }
  operand.offset = parse_offset(reader_);
  return operand;
}

void resolve_name(Operand& operand, std::string_view name, const std::function<void(Operand&)>& resolve) {
  if (operand.kind == Operand::Kind::function && operand.name == name) resolve(operand);
  for (Operand& element : operand.elements) resolve_name(element, name, resolve);
}

}  // namespace softgpu::ptx
