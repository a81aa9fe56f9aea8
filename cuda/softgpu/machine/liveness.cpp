#include "liveness.h"

#include <algorithm>
#include <array>
#include <map>
#include <queue>

namespace softgpu {

using ptx::Operand;

namespace {

using Bits = std::vector<std::uint64_t>;

bool get(const Bits& bits, std::uint32_t i) { return (bits[i / 64] >> (i % 64) & 1) != 0; }
void set(Bits& bits, std::uint32_t i) { bits[i / 64] |= std::uint64_t{1} << (i % 64); }
void reset(Bits& bits, std::uint32_t i) { bits[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }

struct BasicBlock {
  std::uint32_t first, last;  ///< instructions [first, last)
  std::vector<std::uint32_t> successors;
  Bits used, defined, in, out;
};

/// Instructions an instruction may jump to.
std::vector<std::uint32_t> targets(const ptx::Function& function, const ptx::Instruction& instruction) {
  std::vector<std::uint32_t> result;
  for (const Operand& operand : instruction.operands) {
    if (operand.kind == Operand::Kind::label) result.push_back(operand.index);
    if (operand.kind == Operand::Kind::branch_targets) {
      const auto& list = function.branch_targets[operand.index];
      result.insert(result.end(), list.begin(), list.end());
    }
  }
  return result;
}

bool ends_block(const ptx::Instruction& instruction) {
  return instruction.opcode == "bra" || instruction.opcode == "brx" || instruction.opcode == "ret" ||
         instruction.opcode == "exit";
}

std::vector<BasicBlock> basic_blocks(const ptx::Function& function) {
  const auto n = static_cast<std::uint32_t>(function.body.size());
  std::vector<bool> leads(n + 1, false);
  leads[0] = true;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!ends_block(function.body[i])) continue;
    leads[i + 1] = true;
    for (const std::uint32_t target : targets(function, function.body[i])) leads[std::min(target, n)] = true;
  }
  std::vector<BasicBlock> blocks;
  std::vector<std::uint32_t> block_at(n + 1, 0);
  for (std::uint32_t i = 0; i < n; ++i) {
    if (leads[i]) blocks.push_back({i, i, {}, {}, {}, {}, {}});
    blocks.back().last = i + 1;
    block_at[i] = static_cast<std::uint32_t>(blocks.size() - 1);
  }
  for (BasicBlock& block : blocks) {
    const ptx::Instruction& last = function.body[block.last - 1];
    for (const std::uint32_t target : targets(function, last)) {
      if (ends_block(last) && target < n) block.successors.push_back(block_at[target]);
    }
    if ((!ends_block(last) || last.guard) && block.last < n) block.successors.push_back(block_at[block.last]);
  }
  return blocks;
}

}  // namespace

SlotAssignment assign_slots(const ptx::Function& function, const RegisterUse& use) {
  const auto registers = static_cast<std::uint32_t>(function.registers.size());
  const auto n = static_cast<std::uint32_t>(function.body.size());
  const std::size_t words = (registers + 63) / 64 + 1;
  std::vector<BasicBlock> blocks = basic_blocks(function);

  for (BasicBlock& block : blocks) {
    block.used = block.defined = block.in = block.out = Bits(words, 0);
    for (std::uint32_t i = block.first; i < block.last; ++i) {
      for (const std::uint32_t r : use.uses[i]) {
        if (!get(block.defined, r)) set(block.used, r);
      }
      for (const std::uint32_t r : use.definitions[i]) {
        // A guarded write leaves other lanes their old value: that is a use.
        if (!function.body[i].guard) set(block.defined, r);
      }
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t b = blocks.size(); b-- > 0;) {
      BasicBlock& block = blocks[b];
      for (const std::uint32_t s : block.successors) {
        for (std::size_t w = 0; w < words; ++w) block.out[w] |= blocks[s].in[w];
      }
      for (std::size_t w = 0; w < words; ++w) {
        const std::uint64_t in = block.used[w] | (block.out[w] & ~block.defined[w]);
        if (in != block.in[w]) {
          block.in[w] = in;
          changed = true;
        }
      }
    }
  }

  // Ranges in text order, and the most registers alive at once.
  std::vector<std::uint32_t> first(registers, n), last(registers, 0);
  const auto touch = [&](std::uint32_t r, std::uint32_t i) {
    first[r] = std::min(first[r], i);
    last[r] = std::max(last[r], i);
  };
  SlotAssignment result;
  const auto width = [&](std::uint32_t r) {
    return function.registers[r].type == ptx::Type::pred ? 0u : ptx::bytes_of(function.registers[r].type);
  };
  for (const BasicBlock& block : blocks) {
    Bits alive = block.out;
    std::uint32_t count = 0;
    for (std::uint32_t r = 0; r < registers; ++r) {
      if (get(block.in, r)) touch(r, block.first);
      if (get(block.out, r)) {
        touch(r, block.last - 1);
        count += (width(r) + 3) / 4;
      }
    }
    result.live_registers = std::max(result.live_registers, count);
    for (std::uint32_t i = block.last; i-- > block.first;) {
      for (const std::uint32_t r : use.definitions[i]) {
        touch(r, i);
        if (!function.body[i].guard && get(alive, r)) {
          reset(alive, r);
          count -= (width(r) + 3) / 4;
        }
      }
      for (const std::uint32_t r : use.uses[i]) {
        touch(r, i);
        if (!get(alive, r)) {
          set(alive, r);
          count += (width(r) + 3) / 4;
        }
      }
      result.live_registers = std::max(result.live_registers, count);
    }
  }
  if (!blocks.empty()) {
    for (std::uint32_t r = 0; r < registers; ++r) {
      if (get(blocks[0].in, r)) {  // may be read before it is written
        first[r] = 0;
        last[r] = n;
      }
    }
  }

  // Linear scan, a pool of slots for each width: 0 predicates, 2, 4 and 8 bytes.
  std::vector<std::uint32_t> order;
  for (std::uint32_t r = 0; r < registers; ++r) {
    if (first[r] < n) order.push_back(r);
  }
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return first[a] != first[b] ? first[a] < first[b] : a < b;
  });
  result.slots.assign(registers, 0);
  using Ending = std::pair<std::uint32_t, Slot>;  // last use, slot
  std::map<std::uint32_t, std::priority_queue<Ending, std::vector<Ending>, std::greater<>>> busy;
  for (const std::uint32_t r : order) {
    auto& pool = busy[width(r)];
    if (!pool.empty() && pool.top().first < first[r]) {
      result.slots[r] = pool.top().second;
      pool.pop();
    } else {
      result.slots[r] = result.count;
      result.count += width(r) == 8 ? 2 : 1;
    }
    pool.push({last[r], result.slots[r]});
  }
  return result;
}

}  // namespace softgpu
