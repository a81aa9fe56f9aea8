// Turns one PTX instruction into an Op: finds slots for its operands and picks its handler.
//
// A family of instructions (../isa) registers for each opcode a function that reads the modifiers and returns
// an Op. Each function is encoded twice: once with a slot for every register, which yields who reads and
// writes what, and, after registers that are never alive together have been given one slot (liveness.h), once
// with those slots.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "program.h"

namespace softgpu {

/// An address operand: [base + offset]. `base` is the slot of a 32- or 64-bit register, or kNoSlot for a
/// plain number.
struct Address {
  Slot base = kNoSlot;
  bool wide = true;          ///< the base register has 64 bits
  std::uint64_t offset = 0;  ///< added; holds the symbol's address if there is one
  /// .param operands only: of an entry (uniform, in the launch's buffer) or in the frame's local memory.
  enum class Param : std::uint8_t { none, entry, frame } param = Param::none;
};

class Encoder {
 public:
  Encoder(Function& function, const std::vector<Slot>& register_slots);

  /// Starts the next instruction.
  void begin(std::uint32_t index);
  const ptx::Instruction& instruction() const { return *instruction_; }
  const ptx::Function& source() const { return *function_.source; }
  const Program& program() const { return function_.kernel->program(); }
  const Kernel& kernel() const { return *function_.kernel; }
  const Function& function() const { return function_; }
  std::uint32_t index() const { return index_; }

  /// True if the instruction has the modifier (no dot).
  bool has(std::string_view modifier) const;
  /// The n-th modifier that names a type, `none` if there are fewer.
  ptx::Type type(std::size_t n = 0) const;
  std::size_t operands() const { return instruction_->operands.size(); }
  const ptx::Operand& operand(std::size_t n) const;

  /// Slot of a source operand of a type: a register of that width, an immediate, a special register, the
  /// address of a symbol. Predicates too. Integer immediates are truncated to the type; 0f and 0d literals
  /// converted to it.
  Slot read(std::size_t operand, ptx::Type type) { return read(this->operand(operand), type); }
  Slot read(const ptx::Operand& operand, ptx::Type type);
  /// Slot of a destination of a type; a scratch slot for the sink `_`.
  Slot write(std::size_t operand, ptx::Type type) { return write(this->operand(operand), type); }
  Slot write(const ptx::Operand& operand, ptx::Type type);
  /// As read/write, for instructions that may use a register wider than the type (ld, st, cvt, mov of b8
  /// ...).
  Slot read_any_width(const ptx::Operand& operand, ptx::Type type);
  Slot write_any_width(const ptx::Operand& operand);
  /// Bytes of a register operand as declared (predicate 1), 0 for anything else.
  std::uint32_t register_bytes(const ptx::Operand& operand) const;
  /// The address in a memory operand ([...]) of a state space.
  Address address(const ptx::Operand& operand, ptx::Space space);
  /// Value of an integer operand that must be known when the kernel is decoded.
  std::uint64_t constant(const ptx::Operand& operand);
  /// A read-only slot that holds `bits` of `bytes` bytes in every lane.
  Slot constant_slot(std::uint64_t bits, std::uint32_t bytes);
  Slot special_slot(Special special, std::uint64_t offset = 0);
  /// Keeps slots (or other numbers) beyond those of an Op; returns Op::list.
  std::uint32_t list(std::initializer_list<std::uint32_t> values);
  std::uint32_t list(const std::vector<std::uint32_t>& values);
  /// Throws UnsupportedInstruction naming the instruction with its modifiers, its PTX line and `why`.
  [[noreturn]] void unsupported(const std::string& why = {}) const;

  /// Registers read and written by the current instruction (indices into source().registers).
  const std::vector<std::uint32_t>& uses() const { return uses_; }
  const std::vector<std::uint32_t>& definitions() const { return definitions_; }
  /// Slots in use so far, constants and specials included.
  Slot slots() const { return next_; }

 private:
  Slot slot_of(std::uint32_t reg) const;

  Function& function_;
  const std::vector<Slot>& register_slots_;
  const ptx::Instruction* instruction_ = nullptr;
  std::uint32_t index_ = 0;
  Slot next_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Slot> constants_;
  std::map<std::pair<Special, std::uint64_t>, Slot> specials_;
  Slot scratch_[2] = {kNoSlot, kNoSlot};
  std::vector<std::uint32_t> uses_, definitions_;
};

/// What a family registers for an opcode.
struct Opcode {
  std::string_view name;
  Op (*encode)(Encoder&);
};

/// The encode function of an opcode, nullptr if no family knows it.
const Opcode* opcode_named(std::string_view name);

}  // namespace softgpu
