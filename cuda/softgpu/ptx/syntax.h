// What the parser makes of PTX text: modules, functions, variables and instructions with every name resolved.
//
// Scopes are gone: a register is an index into its function's `registers`, a variable an index into the
// function's or the module's `variables`, a label the index of the instruction it stands before. Opcodes and
// modifiers stay text; what they mean is the decoder's business (../machine/encoder.h, ../isa).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softgpu::ptx {

/// A fundamental type. `none` where an instruction or operand has none.
enum class Type : std::uint8_t {
  none,
  pred,
  b8,
  b16,
  b32,
  b64,
  b128,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  f16x2,
  bf16,
  bf16x2,
  tf32,
  f32,
  f64,
};

/// Bytes of one value (`pred` is 1, `none` 0).
std::uint32_t bytes_of(Type type);
/// The type named by a modifier such as "f32" (no dot); `none` if it names none.
Type type_named(std::string_view modifier);
std::string_view name_of(Type type);

enum class Space : std::uint8_t { generic, reg, constant, global, local, param, shared };

/// Where a statement stands: in the PTX text and, where a `.loc` precedes it, in the CUDA source.
struct Position {
  std::uint32_t line = 0;         ///< of the PTX text, from 1
  std::uint32_t file = 0;         ///< index into Module::files; 0 = no .loc
  std::uint32_t source_line = 0;  ///< of that file; 0 = no .loc
};

struct Register {
  std::string name;  ///< with its percent sign, as declared; several may share one across scopes
  Type type;
};

struct Operand {
  enum class Kind : std::uint8_t {
    reg,       ///< index: Function::registers
    special,   ///< name: "%tid.x"
    integer,   ///< bits: two's complement in 64 bits
    float32,   ///< bits: 0f literal in the low 32 bits
    float64,   ///< bits: 0d literal, or a decimal one such as 1.5; in an f32 instruction it is rounded to f32
    variable,  ///< the address of Function::variables[index] (local = true) or Module::variables[index]
    parameter,  ///< the address of Function::parameters[index] or, with `returned`, Function::returns[index]
    function,   ///< index: Module::functions (call target, or its address taken)
    label,      ///< index: instruction it stands before; body.size() for one at the end of the body
    prototype,  ///< index: Function::prototypes
    branch_targets,  ///< index: Function::branch_targets (of brx.idx)
    memory,    ///< [elements[0] + offset]: elements[0] is a reg, variable, parameter or integer; further
               ///< elements are coordinates (textures, tensor copies)
    vector,    ///< {elements...}
    pair,      ///< elements[0] | elements[1]: setp's and shfl's two destinations
    list,      ///< (elements...): arguments and results of a call
    selected,  ///< part `name` ("b0", "h1", "b3210") of the register elements[0]: video instructions
    sink,      ///< _
  };
  Kind kind = Kind::sink;
  bool local = false;     ///< variable: of the function, not of the module
  bool returned = false;  ///< parameter: a return parameter
  bool negated = false;   ///< !p of a predicate, or -%r of a register operand
  std::uint32_t index = 0;
  std::uint64_t bits = 0;
  std::int64_t offset = 0;  ///< memory, and symbol+offset in variables and parameters
  std::string name;         ///< as written, for messages
  std::vector<Operand> elements;
};

struct Guard {
  std::uint32_t predicate;  ///< index into Function::registers
  bool negated;
};

struct Instruction {
  std::string opcode;                  ///< "ld"
  std::vector<std::string> modifiers;  ///< {"global", "nc", "v4", "f32"}; "L2::128B" stays one modifier
  std::optional<Guard> guard;
  std::vector<Operand> operands;
  Position position;
};

/// One element of an initialiser: bits of `Variable::type`'s size, or the address of a symbol.
struct Initial {
  std::uint64_t bits = 0;
  std::string symbol;       ///< not empty: address of this module variable or function, plus bits
  bool generic = false;     ///< generic(symbol)
  std::uint64_t mask = 0;   ///< 0xFF00(symbol): only these bits; 0 = the whole address
  std::uint32_t bytes = 0;  ///< stored size of this element
};

struct Variable {
  std::string name;
  Space space = Space::global;
  Type type = Type::b8;
  std::uint32_t vector = 1;  ///< 2 or 4 with .v2 / .v4
  std::uint32_t align = 0;   ///< 0: natural alignment
  /// Product of the dimensions; 0: an .extern array of unknown size (dynamic shared memory).
  std::uint64_t count = 1;
  bool external = false;         ///< .extern
  bool managed = false;          ///< .attribute(.managed)
  std::uint32_t reg = 0;         ///< of a .func parameter in the space `reg`: index into Function::registers
  std::vector<Initial> initial;  ///< fewer than count: the rest is zero
  std::uint64_t bytes() const { return count * vector * bytes_of(type); }
  std::uint32_t alignment() const { return align != 0 ? align : bytes_of(type) * vector; }
};

struct Function {
  std::string name;
  bool entry = false;
  bool external = false;  ///< declared only (vprintf, malloc, free, __assertfail, or another module's)
  std::vector<Variable> returns;
  std::vector<Variable> parameters;
  std::vector<Register> registers;  ///< those that an instruction names
  /// .shared, .local and call .param variables of the body; its .global and .const ones are the module's.
  std::vector<Variable> variables;
  std::vector<Instruction> body;
  /// Signatures of indirect calls: bytes of results and arguments are what matters.
  struct Prototype {
    std::string name;
    std::vector<Variable> returns;
    std::vector<Variable> parameters;
  };
  std::vector<Prototype> prototypes;
  std::vector<std::vector<std::uint32_t>> branch_targets;  ///< instruction indices
  std::uint32_t max_threads[3] = {0, 0, 0};                ///< .maxntid, 0 = not given
  std::uint32_t required_threads[3] = {0, 0, 0};           ///< .reqntid
  std::uint32_t required_cluster[3] = {0, 0, 0};           ///< .reqnctapercluster
  std::uint32_t min_blocks = 0;                            ///< .minnctapersm
  std::uint32_t max_registers = 0;                         ///< .maxnreg
  Position position;
};

struct Module {
  std::uint32_t version_major = 0, version_minor = 0;
  std::string target;               ///< "sm_80"
  std::uint32_t architecture = 0;   ///< 80
  std::vector<std::string> files;   ///< by .file number; files[0] is empty
  std::vector<Variable> variables;  ///< module scope: .global, .const, .shared
  std::vector<Function> functions;  ///< a declaration and its definition are one entry; an .alias is none
};

}  // namespace softgpu::ptx
