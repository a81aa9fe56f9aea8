// Programs: a module's functions, decoded for the machine, and its variables in device memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "../memory/windows.h"
#include "../ptx/syntax.h"
#include "op.h"

namespace softgpu {

class Device;
class Kernel;
class Program;

/// An instruction or a symbol this machine does not know; what() names it and its PTX line.
class UnsupportedInstruction : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A function decoded for one kernel (shared variables lie where that kernel lays them).
struct Function {
  const ptx::Function* source = nullptr;
  const Kernel* kernel = nullptr;
  std::uint32_t number = 0;  ///< in its kernel, by order of decoding: the entry is 0
  std::vector<Op> code;      ///< code[i] is source->body[i]
  std::vector<Slot> lists;   ///< operands beyond those an Op holds
  /// Registers that code[i] writes: written[first_written[i]] up to written[first_written[i + 1]].
  struct Written {
    Slot slot;
    std::uint32_t bytes;  ///< of one lane's value; 0: a predicate
  };
  std::vector<Written> written;
  std::vector<std::uint32_t> first_written;
  Slot slots = 0;  ///< of a frame: constants, specials, registers
  /// What the slots after the registers start with: immediates, addresses, room for specials and sinks.
  Slot first_constant = 0;
  std::vector<std::byte> constants;
  struct SpecialSlot {
    Slot slot;
    Special special;
    std::uint64_t offset;  ///< of Special::local_address
    std::uint32_t bytes;   ///< of one lane's value
  };
  std::vector<SpecialSlot> specials;
  std::uint32_t local_bytes = 0;  ///< of a frame: .local variables, own parameters and those of its calls
  std::vector<std::uint64_t>
      parameter_offsets;  ///< entry: in the launch's buffer; else: in the frame's local memory
  std::vector<std::uint64_t> return_offsets;
  std::vector<std::uint64_t> variable_offsets;  ///< .shared: in shared memory; .local, .param: in the frame
  std::uint32_t live_registers = 0;  ///< most 32-bit registers alive at once: what ptxas would need at least
};

/// An entry function and everything it can call.
class Kernel {
 public:
  Kernel(const Program& program, const ptx::Function& entry);
  const std::string& name() const { return entry_.name; }
  const Program& program() const { return program_; }
  const ptx::Function& entry() const { return entry_; }
  std::uint32_t static_shared() const { return static_shared_; }
  std::uint32_t dynamic_shared_offset() const { return dynamic_shared_offset_; }
  std::uint32_t parameter_bytes() const { return parameter_bytes_; }
  /// Offset and size of each parameter in the launch's buffer.
  struct Parameter {
    std::uint32_t offset, bytes;
  };
  const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Decoded at the first call. Throws UnsupportedInstruction.
  const Function& function() const { return function(entry_); }
  const Function& function(const ptx::Function& source) const;
  /// By Function::number; nullptr if there is none.
  const Function* function_numbered(std::uint32_t number) const;
  std::uint64_t shared_offset(const ptx::Function* owner, std::uint32_t variable) const;
  /// Set by cuFuncSetAttribute: the dynamic shared memory a launch may ask for.
  std::uint32_t max_dynamic_shared = 0;
  std::uint32_t registers() const { return function().live_registers; }

 private:
  const Program& program_;
  const ptx::Function& entry_;
  std::vector<Parameter> parameters_;
  std::uint32_t parameter_bytes_ = 0;
  std::uint32_t static_shared_ = 0;
  std::uint32_t dynamic_shared_offset_ = 0;
  std::map<std::pair<const ptx::Function*, std::uint32_t>, std::uint64_t> shared_;
  mutable std::mutex mutex_;
  mutable std::map<const ptx::Function*, std::unique_ptr<Function>> functions_;
};

/// A loaded module: parsed PTX, kernels by name, variables in device memory (initialised, the rest zero).
class Program {
 public:
  /// Throws ptx::SyntaxError, std::bad_alloc.
  Program(Device& device, const std::string& ptx_text);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  const ptx::Module& module() const { return module_; }
  Device& device() const { return device_; }
  /// nullptr if there is no entry of that name.
  Kernel* kernel(const std::string& name);
  struct Variable {
    DeviceAddress address;
    std::uint64_t bytes;
  };
  /// nullptr if there is no .global or .const variable of that name.
  const Variable* variable(const std::string& name) const;
  DeviceAddress address_of(std::uint32_t variable) const { return addresses_[variable]; }
  /// kFunctionWindow + index; 0 if unknown.
  std::uint64_t function_address(const std::string& name) const;
  const ptx::Function* function_at(std::uint64_t address) const;

 private:
  Device& device_;
  ptx::Module module_;
  std::map<std::string, std::unique_ptr<Kernel>> kernels_;
  std::map<std::string, Variable> variables_;
  std::vector<DeviceAddress> addresses_;  ///< by index of module_.variables; 0 for .shared
};

}  // namespace softgpu
