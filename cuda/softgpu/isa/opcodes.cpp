#include <map>

#include "families.h"

namespace softgpu {

const Opcode* opcode_named(std::string_view name) {
  static const std::map<std::string_view, const Opcode*> table = [] {
    std::map<std::string_view, const Opcode*> result;
    for (const auto family :
         {move_opcodes(), integer_opcodes(), bit_opcodes(), compare_opcodes(), convert_opcodes(),
          special_opcodes(), control_opcodes(), memory_opcodes(), atomic_opcodes(), async_copy_opcodes(),
          mbarrier_opcodes(), shuffle_opcodes(), matrix_opcodes(), wmma_opcodes()}) {
      for (const Opcode& opcode : family) result[opcode.name] = &opcode;
    }
    return result;
  }();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

}  // namespace softgpu
