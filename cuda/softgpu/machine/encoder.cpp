#include "encoder.h"

#include <bit>
#include <cstring>

#include "device.h"

namespace softgpu {

using ptx::Operand;
using ptx::Type;

namespace {

/// Special registers whose value never changes while a frame lives.
const std::map<std::string_view, Special>& specials_by_name() {
  static const std::map<std::string_view, Special> table{{"%tid.x", Special::tid_x},
                                                         {"%tid.y", Special::tid_y},
                                                         {"%tid.z", Special::tid_z},
                                                         {"%ntid.x", Special::ntid_x},
                                                         {"%ntid.y", Special::ntid_y},
                                                         {"%ntid.z", Special::ntid_z},
                                                         {"%ctaid.x", Special::ctaid_x},
                                                         {"%ctaid.y", Special::ctaid_y},
                                                         {"%ctaid.z", Special::ctaid_z},
                                                         {"%nctaid.x", Special::nctaid_x},
                                                         {"%nctaid.y", Special::nctaid_y},
                                                         {"%nctaid.z", Special::nctaid_z},
                                                         {"%laneid", Special::laneid},
                                                         {"%warpid", Special::warpid},
                                                         {"%nwarpid", Special::nwarpid},
                                                         {"%smid", Special::smid},
                                                         {"%nsmid", Special::nsmid},
                                                         {"%gridid", Special::gridid},
                                                         {"%lanemask_eq", Special::lanemask_eq},
                                                         {"%lanemask_lt", Special::lanemask_lt},
                                                         {"%lanemask_le", Special::lanemask_le},
                                                         {"%lanemask_gt", Special::lanemask_gt},
                                                         {"%lanemask_ge", Special::lanemask_ge},
                                                         {"%dynamic_smem_size", Special::dynamic_smem_size},
                                                         {"%total_smem_size", Special::total_smem_size},
                                                         {"%envreg1", Special::envreg1},
                                                         {"%envreg2", Special::envreg2}};
  return table;
}

std::uint32_t slots_of(std::uint32_t bytes) { return bytes == 8 ? 2 : 1; }

}  // namespace

Encoder::Encoder(Function& function, const std::vector<Slot>& register_slots)
    : function_(function), register_slots_(register_slots), next_(function.first_constant) {
  function_.constants.clear();
  function_.specials.clear();
  function_.lists.clear();
}

void Encoder::begin(std::uint32_t index) {
  index_ = index;
  instruction_ = &source().body[index];
  uses_.clear();
  definitions_.clear();
  if (instruction_->guard) uses_.push_back(instruction_->guard->predicate);
}

bool Encoder::has(std::string_view modifier) const {
  for (const std::string& each : instruction_->modifiers) {
    if (each == modifier) return true;
  }
  return false;
}

Type Encoder::type(std::size_t n) const {
  for (const std::string& each : instruction_->modifiers) {
    const Type type = ptx::type_named(each);
    if (type != Type::none && n-- == 0) return type;
  }
  return Type::none;
}

const Operand& Encoder::operand(std::size_t n) const {
  if (n >= instruction_->operands.size()) unsupported("too few operands");
  return instruction_->operands[n];
}

Slot Encoder::slot_of(std::uint32_t reg) const { return register_slots_[reg]; }

std::uint32_t Encoder::register_bytes(const Operand& operand) const {
  if (operand.kind != Operand::Kind::reg) return 0;
  return ptx::bytes_of(source().registers[operand.index].type);
}

Slot Encoder::constant_slot(std::uint64_t bits, std::uint32_t bytes) {
  if (bytes < 8) bits &= (std::uint64_t{1} << (8 * bytes)) - 1;
  const auto [found, inserted] = constants_.try_emplace({bits, bytes}, next_);
  if (!inserted) return found->second;
  const std::size_t start = function_.constants.size();
  function_.constants.resize(start + std::size_t{slots_of(bytes)} * kSlotBytes);
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    std::memcpy(function_.constants.data() + start + std::size_t{lane} * bytes, &bits, bytes);
  }
  next_ += slots_of(bytes);
  return found->second;
}

Slot Encoder::special_slot(Special special, std::uint64_t offset) {
  const auto [found, inserted] = specials_.try_emplace({special, offset}, next_);
  if (!inserted) return found->second;
  const std::uint32_t bytes = special == Special::local_address || special == Special::gridid ? 8 : 4;
  function_.specials.push_back({next_, special, offset, bytes});
  function_.constants.resize(function_.constants.size() + std::size_t{slots_of(bytes)} * kSlotBytes);
  next_ += slots_of(bytes);
  return found->second;
}

Slot Encoder::read(const Operand& operand, Type type) {
  if (operand.kind == Operand::Kind::reg) {
    const Type declared = source().registers[operand.index].type;
    const bool same = type == Type::pred
                          ? declared == Type::pred
                          : declared != Type::pred && ptx::bytes_of(declared) == ptx::bytes_of(type);
    if (!same) {
      unsupported("register " + operand.name + " is ." + std::string(ptx::name_of(declared)) + " where ." +
                  std::string(ptx::name_of(type)) + " is expected");
    }
  }
  return read_any_width(operand, type);
}

Slot Encoder::read_any_width(const Operand& operand, Type type) {
  const std::uint32_t bytes = ptx::bytes_of(type);
  switch (operand.kind) {
    case Operand::Kind::reg:
      uses_.push_back(operand.index);
      return slot_of(operand.index);
    case Operand::Kind::integer:
      if (type == Type::pred) {
        return constant_slot(operand.bits != 0 ? 0xffffffff : 0, 4);
      }
      return constant_slot(operand.bits, bytes);
    case Operand::Kind::float32: {
      const float value = std::bit_cast<float>(static_cast<std::uint32_t>(operand.bits));
      return constant_slot(
          type == Type::f64 ? std::bit_cast<std::uint64_t>(static_cast<double>(value)) : operand.bits, bytes);
    }
    case Operand::Kind::float64: {
      const double value = std::bit_cast<double>(operand.bits);
      const bool narrow = bytes == 4;
      return constant_slot(narrow ? std::bit_cast<std::uint32_t>(static_cast<float>(value)) : operand.bits,
                           bytes);
    }
    case Operand::Kind::special: {
      const auto found = specials_by_name().find(operand.name);
      if (found == specials_by_name().end()) unsupported("special register " + operand.name);
      const std::uint32_t width = found->second == Special::gridid ? 8 : 4;
      if (width != bytes) unsupported(operand.name + " is read as ." + std::string(ptx::name_of(type)));
      return special_slot(found->second);
    }
    case Operand::Kind::variable: {
      const ptx::Variable& variable =
          operand.local ? source().variables[operand.index] : program().module().variables[operand.index];
      const std::uint64_t offset = static_cast<std::uint64_t>(operand.offset);
      if (variable.space == ptx::Space::shared) {
        return constant_slot(
            kernel().shared_offset(operand.local ? &source() : nullptr, operand.index) + offset, bytes);
      }
      if (operand.local) {
        if (bytes != 8) unsupported("a local address of 32 bits");
        return special_slot(Special::local_address, function_.variable_offsets[operand.index] + offset);
      }
      return constant_slot(program().address_of(operand.index) + offset, bytes);
    }
    case Operand::Kind::parameter: {
      const std::uint64_t offset = static_cast<std::uint64_t>(operand.offset);
      if (source().entry) return constant_slot(function_.parameter_offsets[operand.index] + offset, bytes);
      if (bytes != 8) unsupported("a parameter's address of 32 bits");
      const auto& offsets = operand.returned ? function_.return_offsets : function_.parameter_offsets;
      return special_slot(Special::local_address, kLocalWindow + offsets[operand.index] + offset);
    }
    case Operand::Kind::function: {
      const std::uint64_t address = program().function_address(operand.name);
      if (address == 0) unsupported("function " + operand.name + " is not in this module");
      return constant_slot(address, bytes);
    }
    default:
      unsupported("operand " + operand.name);
  }
}

Slot Encoder::write(const Operand& operand, Type type) {
  if (operand.kind == Operand::Kind::sink) {
    const bool wide = ptx::bytes_of(type) == 8;
    Slot& scratch = scratch_[wide ? 1 : 0];
    if (scratch == kNoSlot) {
      scratch = next_;
      const std::uint32_t count = wide ? 2 : 1;
      function_.constants.resize(function_.constants.size() + std::size_t{count} * kSlotBytes);
      next_ += count;
    }
    return scratch;
  }
  if (operand.kind == Operand::Kind::reg) {
    const Type declared = source().registers[operand.index].type;
    const bool same = type == Type::pred
                          ? declared == Type::pred
                          : declared != Type::pred && ptx::bytes_of(declared) == ptx::bytes_of(type);
    if (!same) {
      unsupported("register " + operand.name + " is ." + std::string(ptx::name_of(declared)) + " where ." +
                  std::string(ptx::name_of(type)) + " is expected");
    }
  }
  return write_any_width(operand);
}

Slot Encoder::write_any_width(const Operand& operand) {
  if (operand.kind != Operand::Kind::reg) unsupported("destination " + operand.name);
  definitions_.push_back(operand.index);
  return slot_of(operand.index);
}

Address Encoder::address(const Operand& operand, ptx::Space space) {
  if (operand.kind != Operand::Kind::memory || operand.elements.empty())
    unsupported("address " + operand.name);
  const Operand& base = operand.elements[0];
  Address address;
  address.offset = static_cast<std::uint64_t>(operand.offset + base.offset);
  switch (base.kind) {
    case Operand::Kind::reg:
      address.wide = register_bytes(base) == 8;
      if (register_bytes(base) < 4) unsupported("address register " + base.name);
      address.base = read_any_width(base, address.wide ? Type::b64 : Type::b32);
      return address;
    case Operand::Kind::integer:
      address.offset += base.bits;
      return address;
    case Operand::Kind::parameter:
      if (source().entry) {
        address.param = Address::Param::entry;
        address.offset += function_.parameter_offsets[base.index];
      } else {
        address.param = Address::Param::frame;
        address.offset +=
            (base.returned ? function_.return_offsets : function_.parameter_offsets)[base.index];
      }
      return address;
    case Operand::Kind::variable: {
      const ptx::Variable& variable =
          base.local ? source().variables[base.index] : program().module().variables[base.index];
      if (variable.space == ptx::Space::shared) {
        address.offset += kernel().shared_offset(base.local ? &source() : nullptr, base.index);
        if (space == ptx::Space::generic) address.offset += kSharedWindow;
      } else if (base.local && variable.space == ptx::Space::param) {
        address.param = Address::Param::frame;
        address.offset += function_.variable_offsets[base.index];
      } else if (base.local) {
        address.base = special_slot(Special::local_address, function_.variable_offsets[base.index]);
        if (space == ptx::Space::generic) address.offset += kLocalWindow;
      } else {
        address.offset += program().address_of(base.index);
      }
      return address;
    }
    default:
      unsupported("address " + operand.name);
  }
}

std::uint64_t Encoder::constant(const Operand& operand) {
  if (operand.kind != Operand::Kind::integer) unsupported("operand " + operand.name + " must be a number");
  return operand.bits;
}

std::uint32_t Encoder::list(std::initializer_list<std::uint32_t> values) {
  return list(std::vector<std::uint32_t>(values));
}

std::uint32_t Encoder::list(const std::vector<std::uint32_t>& values) {
  const auto start = static_cast<std::uint32_t>(function_.lists.size());
  function_.lists.insert(function_.lists.end(), values.begin(), values.end());
  return start;
}

void Encoder::unsupported(const std::string& why) const {
  std::string text = instruction_->opcode;
  for (const std::string& modifier : instruction_->modifiers) text += "." + modifier;
  throw UnsupportedInstruction("softgpu does not know '" + text + "'" +
                               (why.empty() ? "" : " (" + why + ")") + " in " + source().name +
                               ", PTX line " + std::to_string(instruction_->position.line));
}

}  // namespace softgpu
