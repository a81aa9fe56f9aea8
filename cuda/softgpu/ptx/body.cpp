#include "body.h"

#include <algorithm>

namespace softgpu::ptx {

namespace {

constexpr std::uint32_t kMostFiles = 0xffff;

std::vector<Variable> variables_of(const std::vector<Declared>& declared) {
  std::vector<Variable> variables;
  variables.reserve(declared.size());
  for (const Declared& each : declared) variables.push_back(each.variable);
  return variables;
}

}  // namespace

void BodyParser::declare(const Token& name, const Symbol& symbol) {
  if (scopes_.declare(name.text, symbol)) return;
  reader_.fail_at(name, "'" + std::string(name.text) + "' is already declared in this scope");
}

void BodyParser::declare_parameter(const Declared& declared, Symbol::Kind kind, std::vector<Variable>& into) {
  Variable variable = declared.variable;
  Symbol symbol{kind, static_cast<std::uint32_t>(into.size())};
  if (variable.space == Space::reg) {
    if (variable.vector != 1 || variable.count != 1 || variable.name.empty()) {
      reader_.fail_at(declared.name, "a parameter in a register is a named scalar");
    }
    declare(declared.name, {Symbol::Kind::reg, 0, variable.type});
    variable.reg = scopes_.find(declared.name.text, function_.registers)->index;
  } else if (!variable.name.empty()) {
    declare(declared.name, symbol);
  }
  into.push_back(std::move(variable));
}

void BodyParser::declare_parameters(const std::vector<Declared>& returns,
                                    const std::vector<Declared>& parameters) {
  for (const Declared& each : returns) declare_parameter(each, Symbol::Kind::returned, function_.returns);
  for (const Declared& each : parameters) {
    declare_parameter(each, Symbol::Kind::parameter, function_.parameters);
  }
}

void BodyParser::parse() {
  const Token opening = reader_.peek();
  reader_.expect("{", "before the body of a function");
  scopes_.open();  // names of the body may hide parameters
  for (std::size_t depth = 1; depth != 0;) {
    if (reader_.peek().kind == Token::Kind::end) reader_.fail_at(opening, "'{' without its '}'");
    if (reader_.accept("{")) {
      scopes_.open();
      ++depth;
    } else if (reader_.accept("}")) {
      scopes_.close();
      --depth;
    } else if (!reader_.accept(";")) {
      statement();
    }
  }
  resolve_labels();
}

void BodyParser::statement() {
  if (reader_.peek().kind == Token::Kind::directive) {
    directive();
  } else if (reader_.peek().is_word() && reader_.peek(1).is(":")) {
    label();
  } else {
    instruction();
  }
}

void BodyParser::directive() {
  const Token token = reader_.peek();
  if (token.text == ".reg") {
    registers();
  } else if (const auto space = space_of_directive(token)) {
    reader_.take();
    variables(*space, false);
  } else if (token.text == ".loc") {
    location();
  } else if (token.text == ".pragma") {
    reader_.take();
    do {
      reader_.expect_string("the string of a .pragma");
    } while (reader_.accept(","));
    reader_.expect(";", "after a .pragma");
  } else if (token.text == ".extern" && space_of_directive(reader_.peek(1)) == Space::shared) {
    reader_.take();
    reader_.take();
    variables(Space::shared, true);
  } else {
    reader_.fail_expected("a statement (.reg, .param, .local, .shared, .global, .const, .loc, .pragma)");
  }
}

void BodyParser::registers() {
  reader_.take();
  for (const DeclaredRegister& each : parse_registers(reader_)) {
    const Symbol symbol{Symbol::Kind::reg, 0, each.type, each.vector};
    if (!each.count) {
      declare(each.name, symbol);
    } else if (!scopes_.declare_registers(each.name.text, *each.count, symbol)) {
      reader_.fail_at(each.name,
                      "'" + std::string(each.name.text) + "<..>' is already declared in this scope");
    }
  }
}

void BodyParser::variables(Space space, bool external) {
  const bool of_module = space == Space::global || space == Space::constant;
  std::vector<Variable>& into = of_module ? module_.variables : function_.variables;
  const Symbol::Kind kind = of_module ? Symbol::Kind::module_variable : Symbol::Kind::variable;
  for (Declared& each : parse_variables(reader_, space)) {
    if (!of_module && !each.variable.initial.empty()) {
      reader_.fail_at(each.name, "only .global and .const variables have initialisers");
    }
    if (each.variable.count == 0 && !external) {
      reader_.fail_at(each.name, "an array without a size is .extern or has an initialiser");
    }
    each.variable.external = external;
    initialiser_symbols_.insert(initialiser_symbols_.end(), each.symbols.begin(), each.symbols.end());
    declare(each.name, {kind, static_cast<std::uint32_t>(into.size())});
    into.push_back(std::move(each.variable));
  }
}

/// .loc file line column {, function_name label{+offset}} {, inlined_at file line column}
void BodyParser::location() {
  reader_.take();
  position_.file = reader_.expect_count("the number of a .file", kMostFiles);
  position_.source_line = reader_.expect_count("a line");
  reader_.expect_count("a column");
  while (reader_.accept(",")) {
    const Token attribute = reader_.expect_word("function_name or inlined_at");
    if (attribute.text == "function_name") {
      reader_.expect_word("a label");
      parse_offset(reader_);
    } else if (attribute.text == "inlined_at") {
      for (const char* what : {"the number of a .file", "a line", "a column"}) reader_.expect_count(what);
    } else {
      reader_.fail_at(attribute, "expected function_name or inlined_at");
    }
  }
}

void BodyParser::label() {
  const Token name = reader_.take();
  reader_.take();
  if (reader_.accept_directive(".callprototype")) return prototype(name);
  if (reader_.accept_directive(".calltargets")) return call_targets(name);
  if (reader_.accept_directive(".branchtargets")) return branch_targets(name);
  if (!scopes_.define_label(name.text, next_instruction())) {
    reader_.fail_at(name, "label '" + std::string(name.text) + "' is already defined in this scope");
  }
}

/// {(returns)} _ {(parameters)} {.noreturn} {.abi_preserve n};
void BodyParser::prototype(const Token& name) {
  Function::Prototype prototype;
  prototype.name = name.text;
  if (reader_.peek().is("(")) prototype.returns = variables_of(parse_parameters(reader_));
  reader_.expect_word("'_' between results and parameters");
  if (reader_.peek().is("(")) prototype.parameters = variables_of(parse_parameters(reader_));
  while (!reader_.peek().is(";")) {
    if (reader_.accept_directive(".noreturn")) continue;
    if (!reader_.accept_directive(".abi_preserve") && !reader_.accept_directive(".abi_preserve_control")) {
      reader_.fail_expected("';' after a prototype");
    }
    reader_.expect_count("a number of registers");
  }
  reader_.take();
  declare(name, {Symbol::Kind::prototype, static_cast<std::uint32_t>(function_.prototypes.size())});
  function_.prototypes.push_back(std::move(prototype));
}

/// The possible callees share one signature: that of the first becomes the prototype.
void BodyParser::call_targets(const Token& name) {
  Function::Prototype prototype;
  prototype.name = name.text;
  bool first = true;
  do {
    const Token target = reader_.expect_word("the name of a function");
    const auto callee = std::find_if(module_.functions.begin(), module_.functions.end(),
                                     [&](const Function& each) { return each.name == target.text; });
    if (callee == module_.functions.end()) {
      reader_.fail_at(target, "'" + std::string(target.text) + "' is no function declared above");
    }
    if (first) prototype.returns = callee->returns, prototype.parameters = callee->parameters;
    first = false;
  } while (reader_.accept(","));
  reader_.expect(";", "after .calltargets");
  declare(name, {Symbol::Kind::prototype, static_cast<std::uint32_t>(function_.prototypes.size())});
  function_.prototypes.push_back(std::move(prototype));
}

void BodyParser::branch_targets(const Token& name) {
  const auto list = static_cast<std::uint32_t>(function_.branch_targets.size());
  std::uint32_t count = 0;
  do {
    pending_targets_.push_back({scopes_.current(), list, count++, reader_.expect_word("a label")});
  } while (reader_.accept(","));
  reader_.expect(";", "after .branchtargets");
  declare(name, {Symbol::Kind::branch_targets, list});
  function_.branch_targets.emplace_back(count);
}

Guard BodyParser::guard() {
  reader_.take();
  Guard guard{0, reader_.accept("!")};
  const Token name = reader_.expect_word("a predicate after '@'");
  const Symbol* symbol = scopes_.find(name.text, function_.registers);
  if (symbol == nullptr || symbol->kind != Symbol::Kind::reg || symbol->type != Type::pred ||
      symbol->vector != 1) {
    reader_.fail_at(name, "'" + std::string(name.text) + "' is no predicate register");
  }
  guard.predicate = symbol->index;
  return guard;
}

void BodyParser::instruction() {
  Instruction instruction;
  instruction.position = position_;
  instruction.position.line = reader_.peek().line;
  if (reader_.peek().is("@")) instruction.guard = guard();
  instruction.opcode = reader_.expect_word("an instruction").text;
  while (reader_.peek().kind == Token::Kind::directive) {
    instruction.modifiers.emplace_back(reader_.take().text.substr(1));
  }
  if (!reader_.peek().is(";")) {
    names_.clear();
    OperandParser operands(reader_, scopes_, function_, names_);
    do {
      instruction.operands.push_back(operands.parse(instruction.opcode));
    } while (reader_.accept(","));
    for (const Token& name : names_) pending_.push_back({scopes_.current(), next_instruction(), name});
  }
  if (!reader_.accept(";")) reader_.fail_expected("',' or ';' after an operand");
  function_.body.push_back(std::move(instruction));
}

void BodyParser::resolve_labels() {
  for (const PendingTarget& each : pending_targets_) {
    const std::uint32_t* target = scopes_.find_label(each.name.text, each.scope);
    if (target == nullptr) reader_.fail_at(each.name, "no label '" + std::string(each.name.text) + "' here");
    function_.branch_targets[each.list][each.element] = *target;
  }
  for (const PendingName& each : pending_) {
    Instruction& instruction = function_.body[each.instruction];
    if (const std::uint32_t* target = scopes_.find_label(each.name.text, each.scope)) {
      for (Operand& operand : instruction.operands) {
        resolve_name(operand, each.name.text, [target](Operand& label) {
          label.kind = Operand::Kind::label;
          label.index = *target;
        });
      }
    } else if (instruction.opcode == "bra") {
      reader_.fail_at(each.name, "no label '" + std::string(each.name.text) + "' here");
    } else {
      unresolved_.push_back({index_, each.instruction, each.name});
    }
  }
}

}  // namespace softgpu::ptx
