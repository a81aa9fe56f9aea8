// The module: directives, variables, functions, and the names that functions use of it.
#include "parser.h"

#include <charconv>
#include <unordered_map>

#include "body.h"
#include "declaration.h"
#include "lexer.h"

namespace softgpu::ptx {

namespace {

constexpr std::uint32_t kNewestMajor = 9;  // .version of CUDA 13
constexpr std::uint32_t kMostFiles = 0xffff;

struct Linkage {
  bool external = false;
  bool common = false;
};

class ModuleParser {
 public:
  explicit ModuleParser(std::string_view text) : reader_(text) {}

  Module parse() {
    header();
    while (reader_.peek().kind != Token::Kind::end) {
      if (!reader_.accept(";")) declaration();
    }
    apply_aliases();
    resolve_names();
    resolve_initialisers();
    drop_unknown_files();
    return std::move(module_);
  }

 private:
  void header();
  void version();
  void target();
  void declaration();
  void file();
  void alias();
  void variables(Space space, const Linkage& linkage);
  void function(bool entry, const Linkage& linkage);
  bool performance_directive(Function& function);
  void store(Function function, const std::vector<UnresolvedName>& unresolved, std::uint32_t index,
             const Token& name);
  void apply_aliases();
  void resolve_names();
  void resolve_initialisers();
  void drop_unknown_files();

  TokenReader reader_;
  Module module_;
  std::unordered_map<std::string, std::uint32_t> variables_, functions_;
  struct Alias {
    Token name, aliasee;
  };
  std::vector<Alias> aliases_;
  std::vector<UnresolvedName> unresolved_;
  std::vector<Token> initialiser_symbols_;
};

std::string quoted(const Token& token) { return "'" + std::string(token.text) + "'"; }

/// The digits at the end or, with a suffix such as "sm_90a", before it; 0 if there are none.
std::uint32_t number_in(std::string_view target) {
  const std::size_t first = target.find_first_of("0123456789");
  std::uint32_t number = 0;
  if (first != std::string_view::npos) {
    std::from_chars(target.data() + first, target.data() + target.size(), number);
  }
  return number;
}

void ModuleParser::header() {
  if (!reader_.peek().is_directive(".version")) reader_.fail_expected(".version, with which PTX begins");
  version();
  if (!reader_.peek().is_directive(".target")) reader_.fail_expected(".target after .version");
  target();
}

void ModuleParser::version() {
  reader_.take();
  const Token number = reader_.peek();
  const std::string_view text = number.text;
  const std::size_t dot = text.find('.');
  if (number.kind != Token::Kind::float64 || dot == std::string_view::npos) {
    reader_.fail_expected("a version such as 9.0");
  }
  const auto major = std::from_chars(text.data(), text.data() + dot, module_.version_major);
  const auto minor = std::from_chars(text.data() + dot + 1, text.data() + text.size(), module_.version_minor);
  if (major.ptr != text.data() + dot || minor.ptr != text.data() + text.size()) {
    reader_.fail_expected("a version such as 9.0");
  }
  if (module_.version_major > kNewestMajor) {
    throw UnsupportedVersion(number.line, number.column,
                             "PTX " + std::string(text) +
                                 " is newer than this parser, which knows 9.x: compile " +
                                 "with CUDA 13 or older");
  }
  reader_.take();
}

void ModuleParser::target() {
  reader_.take();
  const Token name = reader_.expect_word("a target such as sm_80");
  module_.target = name.text;
  module_.architecture = name.text.starts_with("sm_") ? number_in(name.text) : 0;
  if (module_.architecture == 0)
    reader_.fail_at(name, "expected a target such as sm_80, found " + quoted(name));
  while (reader_.accept(",")) reader_.expect_word("an option of the target");
}

void ModuleParser::declaration() {
  const Token start = reader_.peek();
  Linkage linkage;
  bool linked = false;
  while (reader_.peek().kind == Token::Kind::directive) {
    const std::string_view text = reader_.peek().text;
    if (text == ".extern") {
      linkage.external = true;
    } else if (text == ".common") {
      linkage.common = true;
    } else if (text != ".visible" && text != ".weak") {
      break;
    }
    linked = true;
    reader_.take();
  }
  const Token token = reader_.peek();
  if (token.is_directive(".entry") || token.is_directive(".func")) {
    if (linkage.common) reader_.fail_at(start, ".common is for variables");
    reader_.take();
    return function(token.text == ".entry", linkage);
  }
  const std::optional<Space> space = space_of_directive(token);
  if (space == Space::global || space == Space::constant || space == Space::shared) {
    reader_.take();
    return variables(*space, linkage);
  }
  if (linked) reader_.fail_expected("a variable or function after its linkage");
  if (token.is_directive(".file")) {
    file();
  } else if (token.is_directive(".section")) {
    reader_.take();
    if (reader_.peek().kind != Token::Kind::directive && !reader_.peek().is_word()) {
      reader_.fail_expected("the name of a section");
    }
    reader_.take();
    reader_.skip_balanced("{", "}");
  } else if (token.is_directive(".alias")) {
    alias();
  } else if (token.is_directive(".pragma")) {
    reader_.take();
    do {
      reader_.expect_string("the string of a .pragma");
    } while (reader_.accept(","));
    reader_.expect(";", "after a .pragma");
  } else if (token.is_directive(".address_size")) {
    reader_.take();
    const Token size = reader_.peek();
    if (reader_.expect_count("64") != 64) reader_.fail_at(size, "only 64-bit addresses are supported");
  } else if (token.is_directive(".target")) {
    target();
  } else {
    reader_.fail_expected(
        "a directive of the module (.entry, .func, .global, .const, .shared, .file, .section)");
  }
}

/// .file number "name" {, time, size}
void ModuleParser::file() {
  reader_.take();
  const std::uint32_t number = reader_.expect_count("the number of a .file", kMostFiles);
  if (module_.files.size() <= number) module_.files.resize(number + 1);
  module_.files[number] = reader_.expect_string("the name of a .file");
  while (reader_.accept(",")) {
    if (reader_.peek().kind != Token::Kind::integer) reader_.fail_expected("a time or a size");
    reader_.take();
  }
}

void ModuleParser::alias() {
  reader_.take();
  const Token name = reader_.expect_word("the name of an alias");
  reader_.expect(",", "after the name of an alias");
  const Token aliasee = reader_.expect_word("the function an alias stands for");
  reader_.expect(";", "after an .alias");
  aliases_.push_back({name, aliasee});
}

void ModuleParser::variables(Space space, const Linkage& linkage) {
  for (Declared& each : parse_variables(reader_, space)) {
    Variable& variable = each.variable;
    initialiser_symbols_.insert(initialiser_symbols_.end(), each.symbols.begin(), each.symbols.end());
    variable.external = linkage.external;
    if (linkage.external && !variable.initial.empty()) {
      reader_.fail_at(each.name, "an .extern variable has no initialiser");
    }
    if (space == Space::shared && !variable.initial.empty()) {
      reader_.fail_at(each.name, "a .shared variable has no initialiser");
    }
    if (variable.count == 0 && !linkage.external) {
      reader_.fail_at(each.name, "an array without a size is .extern or has an initialiser");
    }
    const auto [known, fresh] =
        variables_.emplace(variable.name, static_cast<std::uint32_t>(module_.variables.size()));
    if (fresh) {
      module_.variables.push_back(std::move(variable));
      continue;
    }
    Variable& earlier = module_.variables[known->second];
    if (earlier.space != variable.space || (!earlier.external && !variable.external)) {
      reader_.fail_at(each.name, quoted(each.name) + " is already declared");
    }
    if (earlier.external) earlier = std::move(variable);
  }
}

bool ModuleParser::performance_directive(Function& function) {
  const Token token = reader_.peek();
  if (token.kind != Token::Kind::directive) return false;
  const std::string_view text = token.text;
  const auto take_count = [this] {
    reader_.take();
    return reader_.expect_count("a count");
  };
  if (text == ".maxntid" || text == ".reqntid" || text == ".reqnctapercluster") {
    reader_.take();
    parse_extent(reader_, text == ".maxntid"   ? function.max_threads
                          : text == ".reqntid" ? function.required_threads
                                               : function.required_cluster);
  } else if (text == ".minnctapersm") {
    function.min_blocks = take_count();
  } else if (text == ".maxnreg") {
    function.max_registers = take_count();
  } else if (text == ".maxnctapersm" || text == ".maxclusterrank" || text == ".abi_preserve" ||
             text == ".abi_preserve_control") {
    take_count();
  } else if (text == ".noreturn" || text == ".explicitcluster" || text == ".blocksareclusters") {
    reader_.take();
  } else if (text == ".pragma") {
    reader_.take();
    do {
      reader_.expect_string("the string of a .pragma");
    } while (reader_.accept(","));
    reader_.expect(";", "after a .pragma");
  } else {
    return false;
  }
  return true;
}

void ModuleParser::function(bool entry, const Linkage& linkage) {
  Function function;
  function.entry = entry;
  function.position.line = reader_.peek().line;
  if (reader_.accept_directive(".attribute")) reader_.skip_balanced("(", ")");
  std::vector<Declared> returns, parameters;
  if (!entry && reader_.peek().is("(")) returns = parse_parameters(reader_);
  const Token name = reader_.expect_word("the name of a function");
  function.name = name.text;
  if (reader_.peek().is("(")) parameters = parse_parameters(reader_);
  while (performance_directive(function)) {
  }

  const auto known = functions_.find(function.name);
  const auto index =
      static_cast<std::uint32_t>(known != functions_.end() ? known->second : module_.functions.size());
  BodyParser body(reader_, module_, function, index);
  body.declare_parameters(returns, parameters);
  if (reader_.accept(";")) {
    function.external = true;
  } else if (reader_.peek().is("{")) {
    if (linkage.external) reader_.fail_at(name, "an .extern function has no body");
    body.parse();
  } else {
    reader_.fail_expected("a body, ';' or a directive such as .maxntid");
  }
  const std::vector<Token>& symbols = body.initialiser_symbols();
  initialiser_symbols_.insert(initialiser_symbols_.end(), symbols.begin(), symbols.end());
  store(std::move(function), body.unresolved(), index, name);
}

void ModuleParser::store(Function function, const std::vector<UnresolvedName>& unresolved,
                         std::uint32_t index, const Token& name) {
  if (index == module_.functions.size()) {
    functions_.emplace(function.name, index);
    module_.functions.push_back(std::move(function));
  } else {
    Function& earlier = module_.functions[index];
    if (earlier.entry != function.entry || (!earlier.external && !function.external)) {
      reader_.fail_at(name, quoted(name) + " is already defined");
    }
    if (earlier.external) earlier = std::move(function);
  }
  unresolved_.insert(unresolved_.end(), unresolved.begin(), unresolved.end());
}

/// Names of aliases become the functions they stand for, whose entries of their own disappear.
void ModuleParser::apply_aliases() {
  if (aliases_.empty()) return;
  std::unordered_map<std::string, std::string> stands_for;
  for (const Alias& alias : aliases_) {
    const auto aliasee = functions_.find(std::string(alias.aliasee.text));
    if (aliasee == functions_.end() || module_.functions[aliasee->second].external) {
      reader_.fail_at(alias.aliasee, quoted(alias.aliasee) + " is no function defined in this module");
    }
    const auto declared = functions_.find(std::string(alias.name.text));
    if (declared == functions_.end() || !module_.functions[declared->second].external) {
      reader_.fail_at(alias.name, "an alias is a function declared without a body before");
    }
    if (!stands_for.emplace(alias.name.text, alias.aliasee.text).second) {
      reader_.fail_at(alias.name, quoted(alias.name) + " is already an alias");
    }
  }
  // Only functions without a body go; indices of the others move down.
  std::vector<std::uint32_t> moved(module_.functions.size());
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < module_.functions.size(); ++i) {
    moved[i] = kept;
    if (stands_for.contains(module_.functions[i].name)) continue;
    if (kept != i) module_.functions[kept] = std::move(module_.functions[i]);
    ++kept;
  }
  module_.functions.resize(kept);
  for (auto& [name, index] : functions_) {
    if (!stands_for.contains(name)) index = moved[index];
  }
  for (const auto& [name, aliasee] : stands_for) functions_[name] = functions_.at(aliasee);
  for (UnresolvedName& each : unresolved_) each.function = moved[each.function];
}

void ModuleParser::resolve_names() {
  for (const UnresolvedName& each : unresolved_) {
    const std::string name(each.name.text);
    const auto variable = variables_.find(name);
    const auto function = functions_.find(name);
    const bool is_variable = variable != variables_.end();
    if (!is_variable && function == functions_.end()) {
      reader_.fail_at(each.name,
                      quoted(each.name) + " is not declared: no register, variable, label or function");
    }
    Instruction& instruction = module_.functions[each.function].body[each.instruction];
    for (Operand& operand : instruction.operands) {
      resolve_name(operand, name, [&](Operand& found) {
        found.kind = is_variable ? Operand::Kind::variable : Operand::Kind::function;
        found.index = is_variable ? variable->second : function->second;
        if (!is_variable) found.name = module_.functions[function->second].name;
      });
    }
  }
}

void ModuleParser::resolve_initialisers() {
  for (const Token& symbol : initialiser_symbols_) {
    const std::string name(symbol.text);
    if (!variables_.contains(name) && !functions_.contains(name)) {
      reader_.fail_at(symbol, quoted(symbol) + " is not declared: no variable or function");
    }
  }
  for (Variable& variable : module_.variables) {
    for (Initial& initial : variable.initial) {
      const auto function = functions_.find(initial.symbol);
      if (function == functions_.end()) continue;
      initial.symbol = module_.functions[function->second].name;  // of an alias, what it stands for
    }
  }
}

/// A .loc whose .file is missing says nothing.
void ModuleParser::drop_unknown_files() {
  if (module_.files.empty()) module_.files.resize(1);
  for (Function& function : module_.functions) {
    for (Instruction& instruction : function.body) {
      Position& position = instruction.position;
      if (position.file >= module_.files.size()) position.file = position.source_line = 0;
    }
  }
}

}  // namespace

Module parse(std::string_view text) { return ModuleParser(text).parse(); }

}  // namespace softgpu::ptx
