#include "program.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "../memory/device_memory.h"
#include "../ptx/parser.h"
#include "device.h"
#include "encoder.h"
#include "liveness.h"

namespace softgpu {

namespace {

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

/// Lays variables one after another from `offset`, each at its alignment.
std::uint64_t place(std::uint64_t& offset, const ptx::Variable& variable) {
  offset = align_up(offset, std::max(1u, variable.alignment()));
  const std::uint64_t at = offset;
  offset += variable.bytes();
  return at;
}

}  // namespace

Kernel::Kernel(const Program& program, const ptx::Function& entry) : program_(program), entry_(entry) {
  std::uint64_t offset = 0;
  for (const ptx::Variable& parameter : entry.parameters) {
    const std::uint64_t at = place(offset, parameter);
    parameters_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(parameter.bytes())});
  }
  parameter_bytes_ = static_cast<std::uint32_t>(offset);

  // Shared memory: the module's variables, this entry's, those of every function it might call; then the
  // dynamic part.
  std::uint64_t shared = 0;
  std::uint32_t dynamic_alignment = 16;
  std::vector<std::pair<const ptx::Function*, std::uint32_t>> dynamic;
  const auto lay = [&](const ptx::Function* owner, const std::vector<ptx::Variable>& variables) {
    for (std::uint32_t i = 0; i < variables.size(); ++i) {
      if (variables[i].space != ptx::Space::shared) continue;
      if (variables[i].external || variables[i].count == 0) {
        dynamic_alignment = std::max(dynamic_alignment, variables[i].alignment());
        dynamic.emplace_back(owner, i);
      } else {
        shared_[{owner, i}] = place(shared, variables[i]);
      }
    }
  };
  lay(nullptr, program.module().variables);
  lay(&entry, entry.variables);
  for (const ptx::Function& function : program.module().functions) {
    if (!function.entry) lay(&function, function.variables);
  }
  static_shared_ = static_cast<std::uint32_t>(shared);
  dynamic_shared_offset_ = static_cast<std::uint32_t>(align_up(shared, dynamic_alignment));
  for (const auto& key : dynamic) shared_[key] = dynamic_shared_offset_;
}

std::uint64_t Kernel::shared_offset(const ptx::Function* owner, std::uint32_t variable) const {
  return shared_.at({owner, variable});
}

const Function& Kernel::function(const ptx::Function& source) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Function>& slot = functions_[&source];
  if (slot) return *slot;
  auto function = std::make_unique<Function>();
  function->source = &source;
  function->kernel = this;
  function->number = static_cast<std::uint32_t>(functions_.size() - 1);

  std::uint64_t local = 0, buffer = 0;
  for (const ptx::Variable& each : source.returns) function->return_offsets.push_back(place(local, each));
  for (const ptx::Variable& each : source.parameters) {
    function->parameter_offsets.push_back(place(source.entry ? buffer : local, each));
  }
  for (std::uint32_t i = 0; i < source.variables.size(); ++i) {
    const ptx::Variable& each = source.variables[i];
    const bool shared = each.space == ptx::Space::shared;
    function->variable_offsets.push_back(shared ? shared_.at({&source, i}) : place(local, each));
  }
  function->local_bytes = static_cast<std::uint32_t>(align_up(local, 16));

  // First with a slot for every register, to learn who reads and writes what; then with shared slots.
  const auto encode = [&](const std::vector<Slot>& slots, Slot first_constant, RegisterUse* use) {
    function->first_constant = first_constant;
    function->code.clear();
    function->written.clear();
    function->first_written.assign(1, 0);
    Encoder encoder(*function, slots);
    for (std::uint32_t i = 0; i < source.body.size(); ++i) {
      encoder.begin(i);
      const ptx::Instruction& instruction = source.body[i];
      const Opcode* opcode = opcode_named(instruction.opcode);
      if (opcode == nullptr) encoder.unsupported();
      Op op = opcode->encode(encoder);
      op.index = i;
      if (instruction.guard) {
        op.guard = slots[instruction.guard->predicate];
        op.guard_negated = instruction.guard->negated;
      }
      function->code.push_back(op);
      for (const std::uint32_t reg : encoder.definitions()) {
        const ptx::Type type = source.registers[reg].type;
        function->written.push_back({slots[reg], type == ptx::Type::pred ? 0 : ptx::bytes_of(type)});
      }
      function->first_written.push_back(static_cast<std::uint32_t>(function->written.size()));
      if (use != nullptr) {
        use->uses.push_back(encoder.uses());
        use->definitions.push_back(encoder.definitions());
      }
    }
    function->slots = encoder.slots();
  };
  std::vector<Slot> every(source.registers.size());
  std::iota(every.begin(), every.end(), 0u);
  for (Slot& each : every) each *= 2;
  RegisterUse use;
  encode(every, static_cast<Slot>(2 * every.size()), &use);
  const SlotAssignment assignment = assign_slots(source, use);
  encode(assignment.slots, assignment.count, nullptr);
  function->live_registers = assignment.live_registers;
  slot = std::move(function);
  return *slot;
}

const Function* Kernel::function_numbered(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [source, function] : functions_) {
    if (function && function->number == number) return function.get();
  }
  return nullptr;
}

Program::Program(Device& device, const std::string& ptx_text)
    : device_(device), module_(ptx::parse(ptx_text)) {
  addresses_.assign(module_.variables.size(), 0);
  std::map<std::string, std::uint64_t> symbols;
  for (std::uint32_t i = 0; i < module_.functions.size(); ++i) {
    symbols[module_.functions[i].name] = kFunctionWindow + i + 1;
  }
  for (std::uint32_t i = 0; i < module_.variables.size(); ++i) {
    const ptx::Variable& variable = module_.variables[i];
    if (variable.space != ptx::Space::global && variable.space != ptx::Space::constant) continue;
    const bool constant = variable.space == ptx::Space::constant;
    const auto address =
        device.memory.allocate(std::max<std::uint64_t>(variable.bytes(), 1), variable.name, constant);
    if (!address) throw std::bad_alloc();
    addresses_[i] = *address;
    variables_[variable.name] = {*address, variable.bytes()};
    symbols[variable.name] = *address;
  }
  for (std::uint32_t i = 0; i < module_.variables.size(); ++i) {
    const ptx::Variable& variable = module_.variables[i];
    if (addresses_[i] == 0) continue;
    std::vector<std::byte> bytes(
        variable.bytes());  // what the initialiser leaves out is zero, as on a real driver
    std::size_t at = 0;
    for (const ptx::Initial& initial : variable.initial) {
      std::uint64_t value = initial.bits;
      if (!initial.symbol.empty()) {
        const auto found = symbols.find(initial.symbol);
        if (found == symbols.end()) {
          throw UnsupportedInstruction("initialiser of " + variable.name + " names " + initial.symbol +
                                       ", which is not in this module");
        }
        value += found->second;
        if (initial.mask != 0) value = (value & initial.mask) >> std::countr_zero(initial.mask);
      }
      const std::uint32_t size = initial.bytes != 0 ? initial.bytes : ptx::bytes_of(variable.type);
      if (at + size > bytes.size()) break;
      std::memcpy(bytes.data() + at, &value, std::min<std::size_t>(size, 8));
      at += size;
    }
    device.memory.write(addresses_[i], bytes.data(), bytes.size());
  }
  for (const ptx::Function& function : module_.functions) {
    if (function.entry) kernels_[function.name] = std::make_unique<Kernel>(*this, function);
  }
}

Program::~Program() {
  for (const auto& [name, variable] : variables_) device_.memory.free(variable.address);
}

Kernel* Program::kernel(const std::string& name) {
  const auto found = kernels_.find(name);
  return found == kernels_.end() ? nullptr : found->second.get();
}

const Program::Variable* Program::variable(const std::string& name) const {
  const auto found = variables_.find(name);
  return found == variables_.end() ? nullptr : &found->second;
}

std::uint64_t Program::function_address(const std::string& name) const {
  for (std::uint32_t i = 0; i < module_.functions.size(); ++i) {
    if (module_.functions[i].name == name) return kFunctionWindow + i + 1;
  }
  return 0;
}

const ptx::Function* Program::function_at(std::uint64_t address) const {
  if (window_of(address) != Window::function) return nullptr;
  const std::uint64_t index = offset_in_window(address);
  return index >= 1 && index <= module_.functions.size() ? &module_.functions[index - 1] : nullptr;
}

}  // namespace softgpu
