// bra, brx, call, ret, exit, trap; barriers of the block and of the warp; fences.
#include "../machine/block.h"
#include "families.h"
#include "system_calls.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

// ---- branches
// -----------------------------------------------------------------------------------------------------

void branch(Warp& warp, const Op& op) { warp.branch(warp.mask, static_cast<std::uint32_t>(op.immediate)); }

void branch_uniform(Warp& warp, const Op& op) {
  // .uni promises that all lanes here branch alike.
  if (warp.mask != warp.active()) {
    warp.report(Check::collective, static_cast<std::uint32_t>(std::countr_zero(warp.mask)),
                "bra.uni is taken by some of the warp's lanes only");
  }
  branch(warp, op);
}

Op encode_bra(Encoder& e) {
  Op op = make_op(Class::control, e.has("uni") ? branch_uniform : branch);
  if (e.operand(0).kind != Operand::Kind::label) e.unsupported("branch target " + e.operand(0).name);
  op.immediate = e.operand(0).index;
  return op;
}

void branch_indexed(Warp& warp, const Op& op) {
  const std::uint32_t* index = warp.lanes<std::uint32_t>(op.a);
  const std::uint32_t* targets = warp.list(op);
  warp.check_defined(warp.defined(op.a), "the index of brx.idx");
  const auto leader = static_cast<std::uint32_t>(std::countr_zero(warp.mask));
  std::uint32_t same = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    if (index[i] >= op.immediate) {
      warp.fault(Check::bounds, i,
                 "brx.idx with index " + std::to_string(index[i]) + " of " + std::to_string(op.immediate) +
                     " targets");
    }
    if (index[i] == index[leader]) same |= 1u << i;
  }
  // The leader's group goes; the rest comes back to this instruction.
  if (same != warp.active()) {
    warp.branch_again(same, targets[index[leader]], op.index);
  } else {
    warp.branch(same, targets[index[leader]]);
  }
}

Op encode_brx(Encoder& e) {
  Op op = make_op(Class::control, branch_indexed);
  op.a = e.read(0, Type::u32);
  if (e.operand(1).kind != Operand::Kind::branch_targets)
    e.unsupported("branch targets " + e.operand(1).name);
  const auto& targets = e.source().branch_targets[e.operand(1).index];
  op.immediate = targets.size();
  op.list = e.list(targets);
  return op;
}

// ---- calls
// --------------------------------------------------------------------------------------------------------

/// Layout of the list of a call: results, then arguments, each {offset in the caller's frame, bytes}.
struct CallList {
  const std::uint32_t* values;
  std::uint32_t results() const { return values[0]; }
  std::uint32_t arguments() const { return values[1]; }
  std::uint32_t offset(std::uint32_t i) const { return values[2 + 2 * i]; }
  std::uint32_t bytes(std::uint32_t i) const { return values[3 + 2 * i]; }
};

void enter(Warp& warp, const Op& op, const ptx::Function& target) {
  const CallList list{warp.list(op)};
  const auto first = static_cast<std::uint32_t>(std::countr_zero(warp.mask));
  const std::uint32_t frame = warp.context().local;
  if (target.external || target.body.empty()) {
    if (!is_system_call(target.name)) {
      warp.fault(Check::unsupported, first, "call of " + target.name + ", which is not in this module", 801);
    }
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((warp.mask >> i & 1) == 0) continue;
      std::uint64_t arguments[6] = {};
      for (std::uint32_t a = 0; a < std::min(6u, list.arguments()); ++a) {
        const std::uint32_t k = list.results() + a;
        std::memcpy(&arguments[a], warp.local(i, frame + list.offset(k)), std::min(8u, list.bytes(k)));
      }
      const std::uint64_t result = system_call(warp, i, target.name, arguments);
      if (list.results() != 0) {
        std::memcpy(warp.local(i, frame + list.offset(0)), &result, std::min(8u, list.bytes(0)));
        std::memset(warp.local_defined(i, frame + list.offset(0)), 0xff, list.bytes(0));
      }
    }
    return;
  }
  const Function& callee = warp.function().kernel->function(target);
  if (list.arguments() != target.parameters.size()) {
    warp.fault(Check::unsupported, first,
               "call of " + target.name + " with " + std::to_string(list.arguments()) +
                   " arguments, it takes " + std::to_string(target.parameters.size()));
  }
  const std::uint32_t lanes = warp.mask;
  warp.call(callee);
  const std::uint32_t inner = warp.context().local;
  for (std::uint32_t a = 0; a < list.arguments(); ++a) {
    const std::uint32_t k = list.results() + a;
    const auto to = static_cast<std::uint32_t>(callee.parameter_offsets[a]);
    const auto bytes = std::min<std::uint64_t>(list.bytes(k), target.parameters[a].bytes());
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((lanes >> i & 1) == 0) continue;
      std::memcpy(warp.local(i, inner + to), warp.local(i, frame + list.offset(k)), bytes);
      std::memcpy(warp.local_defined(i, inner + to), warp.local_defined(i, frame + list.offset(k)), bytes);
    }
  }
}

void call(Warp& warp, const Op& op) {
  enter(warp, op, *reinterpret_cast<const ptx::Function*>(op.immediate));
}

/// Calls what the leading lane's pointer names; lanes with another target come back to this instruction.
void call_indirect(Warp& warp, const Op& op) {
  const std::uint64_t* targets = warp.lanes<std::uint64_t>(op.a);
  warp.check_defined(warp.defined(op.a), "a function pointer");
  const auto leader = static_cast<std::uint32_t>(std::countr_zero(warp.mask));
  const ptx::Function* target = warp.function().kernel->program().function_at(targets[leader]);
  if (target == nullptr) {
    warp.fault(Check::bounds, leader, "indirect call of an address that is no function of this module", 718);
  }
  std::uint32_t same = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0 && targets[i] == targets[leader]) same |= 1u << i;
  }
  if (same != warp.mask) warp.hold_back(warp.mask & ~same, op.index);
  enter(warp, op, *target);
}

void append(Encoder& e, std::vector<std::uint32_t>& list, const Operand& operand, const Function& function) {
  if (operand.kind != Operand::Kind::variable || !operand.local)
    e.unsupported("call argument " + operand.name);
  list.push_back(static_cast<std::uint32_t>(function.variable_offsets[operand.index]));
  list.push_back(static_cast<std::uint32_t>(e.source().variables[operand.index].bytes()));
}

Op encode_call(Encoder& e) {
  // call {(results),} target {, (arguments)} {, prototype};
  Op op = make_op(Class::control, nullptr);
  std::size_t at = 0;
  const Operand* results = nullptr;
  if (e.operand(at).kind == Operand::Kind::list) results = &e.operand(at++);
  const Operand& target = e.operand(at++);
  const Operand* arguments = nullptr;
  if (at < e.operands() && e.operand(at).kind == Operand::Kind::list) arguments = &e.operand(at++);
  std::vector<std::uint32_t> list{
      results != nullptr ? static_cast<std::uint32_t>(results->elements.size()) : 0,
      arguments != nullptr ? static_cast<std::uint32_t>(arguments->elements.size()) : 0};
  if (results != nullptr) {
    for (const Operand& each : results->elements) append(e, list, each, e.function());
  }
  if (arguments != nullptr) {
    for (const Operand& each : arguments->elements) append(e, list, each, e.function());
  }
  op.list = e.list(list);
  if (target.kind == Operand::Kind::function) {
    const ptx::Function* function = e.program().function_at(e.program().function_address(target.name));
    if (function == nullptr) e.unsupported("function " + target.name + " is not in this module");
    op.execute = call;
    op.immediate = reinterpret_cast<std::uint64_t>(function);
  } else {
    op.execute = call_indirect;
    op.a = e.read(target, Type::b64);
  }
  return op;
}

/// Copies the results of the lanes that return to where their calls want them.
void leave(Warp& warp, const Op&) {
  const Function& callee = warp.function();
  if (warp.context().depth != 0) {
    const std::uint32_t inner = warp.context().local;
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((warp.mask >> i & 1) == 0) continue;
      const Context& caller = warp.caller(i);
      const CallList list{caller.function->lists.data() + caller.function->code[caller.pc - 1].list};
      for (std::uint32_t r = 0; r < std::min<std::size_t>(list.results(), callee.return_offsets.size());
           ++r) {
        const auto from = static_cast<std::uint32_t>(callee.return_offsets[r]);
        const auto bytes = std::min<std::uint64_t>(list.bytes(r), callee.source->returns[r].bytes());
        std::memcpy(warp.local(i, caller.local + list.offset(r)), warp.local(i, inner + from), bytes);
        std::memcpy(warp.local_defined(i, caller.local + list.offset(r)), warp.local_defined(i, inner + from),
                    bytes);
      }
    }
  }
  warp.leave();
}

Op encode_ret(Encoder&) { return make_op(Class::control, leave); }

void exit_lanes(Warp& warp, const Op&) { warp.exit_lanes(); }
Op encode_exit(Encoder&) { return make_op(Class::control, exit_lanes); }

void trap(Warp& warp, const Op&) {
  warp.fault(Check::trap, static_cast<std::uint32_t>(std::countr_zero(warp.mask)), "the kernel executed trap",
             719);
}
Op encode_trap(Encoder&) { return make_op(Class::control, trap); }

void nothing(Warp&, const Op&) {}
Op encode_nothing(Encoder&) { return make_op(Class::control, nothing); }

void sleep(Warp& warp, const Op&) { warp.yield(); }
Op encode_nanosleep(Encoder& e) {
  e.read(0, Type::u32);
  return make_op(Class::control, sleep);
}

// ---- barriers and fences
// ------------------------------------------------------------------------------------------

enum BarrierKind : std::uint32_t { kSync = 0, kArrive = 1, kReduce = 2 };

/// immediate: kind | aligned << 4; a: barrier number; b: thread count or none; c: predicate of red.
void barrier(Warp& warp, const Op& op) {
  const auto lane = static_cast<std::uint32_t>(std::countr_zero(warp.mask));
  warp.check_defined(warp.defined(op.a), "a barrier's number");
  Block::Arrival arrival;
  arrival.barrier = warp.lanes<std::uint32_t>(op.a)[lane];
  arrival.expected = op.b != kNoSlot ? warp.lanes<std::uint32_t>(op.b)[lane] : 0;
  arrival.waits = (op.immediate & 15) != kArrive;
  arrival.reduces = (op.immediate & 15) == kReduce;
  arrival.aligned = (op.immediate >> 4 & 1) != 0;
  if (arrival.reduces) {
    warp.check_defined(warp.defined(op.c), "bar.red's predicate");
    arrival.predicate = warp.predicate(op.c);
    if (op.immediate >> 5 != 0) arrival.predicate = ~arrival.predicate;
  }
  if (arrival.barrier > 15) {
    warp.fault(Check::barrier, lane,
               "barrier " + std::to_string(arrival.barrier) + "; a block has 16, 0 to 15");
  }
  if (arrival.expected % kLanes != 0) {
    warp.report(
        Check::barrier, lane,
        "a barrier of " + std::to_string(arrival.expected) + " threads; the count must be a multiple of 32");
  }
  if (arrival.expected > ((warp.block().threads() + kLanes - 1) / kLanes) * kLanes) {
    warp.fault(Check::barrier, lane,
               "a barrier of " + std::to_string(arrival.expected) + " threads in a block of " +
                   std::to_string(warp.block().threads()));
  }
  warp.counters().barriers += 1;
  warp.block().arrive(warp, op, arrival);
}

void sync_warp(Warp& warp, const Op& op) {
  if (!warp.gather(op, op.a)) return;
  const std::uint32_t epoch = warp.block().next_epoch();
  const std::uint32_t* members = warp.lanes<std::uint32_t>(op.a);
  std::uint32_t all = ~0u;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    warp.part_epoch[i] = epoch;
    warp.part_lanes[i] = members[i];
    all &= members[i];
  }
  if ((warp.live() & ~(warp.mask & all)) == 0) warp.sync_epoch = epoch;
}

Op encode_bar(Encoder& e) {
  Op op = make_op(Class::other, barrier);
  if (e.has("warp")) {
    op.execute = sync_warp;
    op.klass = Class::barrier;
    op.a = e.read(0, Type::b32);
    return op;
  }
  if (e.has("cluster")) e.unsupported("clusters");
  op.klass = Class::barrier;
  const bool aligned = e.instruction().opcode == "bar" || e.has("aligned");
  const BarrierKind kind = e.has("arrive") ? kArrive : e.has("red") ? kReduce : kSync;
  op.immediate = static_cast<std::uint64_t>(kind) | (aligned ? 16 : 0);
  std::size_t at = 0;
  if (kind == kReduce) {
    op.flags = e.has("and") ? 1 : e.has("or") ? 2 : 3;
    op.d = e.write(at++, op.flags == 3 ? Type::u32 : Type::pred);
  }
  if (e.operands() == at) {  // barrier.sync without a number would be a syntax error; bar.sync's default is 0
    op.a = e.constant_slot(0, 4);
    return op;
  }
  op.a = e.read(at++, Type::u32);
  const std::size_t rest = e.operands() - at - (kind == kReduce ? 1 : 0);
  if (rest >= 1) op.b = e.read(at++, Type::u32);
  if (kind == kReduce) {
    if (e.operand(at).negated) op.immediate |= 32;
    op.c = e.read(at, Type::pred);
  }
  return op;
}

/// What this warp did before is published by its next atomic, volatile or release access (memory/races.h).
void fence(Warp& warp, const Op&) { warp.fence_epoch = warp.block().next_epoch(); }

Op encode_fence(Encoder&) { return make_op(Class::barrier, fence); }

constexpr Opcode kOpcodes[] = {
    {"bra", encode_bra},       {"brx", encode_brx},         {"call", encode_call},
    {"ret", encode_ret},       {"exit", encode_exit},       {"trap", encode_trap},
    {"brkpt", encode_nothing}, {"pmevent", encode_nothing}, {"nanosleep", encode_nanosleep},
    {"bar", encode_bar},       {"barrier", encode_bar},     {"membar", encode_fence},
    {"fence", encode_fence}};

}  // namespace

std::span<const Opcode> control_opcodes() { return kOpcodes; }

}  // namespace softgpu
