#include "warp.h"

#include <algorithm>

#include "block.h"

namespace softgpu {

namespace {

/// Instructions a group may run while other lanes of its warp wait to go on.
constexpr std::uint32_t kPatience = 10'000;
constexpr std::uint32_t kNever = 0xffffffff;

std::string lanes_text(std::uint32_t lanes) {
  std::string text;
  for (std::uint32_t i = 0; i < kLanes;) {
    if ((lanes >> i & 1) == 0) {
      ++i;
      continue;
    }
    std::uint32_t end = i;
    while (end + 1 < kLanes && (lanes >> (end + 1) & 1) != 0) ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(i) + (end > i ? "-" + std::to_string(end) : "");
    i = end + 1;
  }
  return text;
}

}  // namespace

Warp::Warp(Block& block, std::uint32_t index) : block_(block), index_(index) {}

void Warp::reserve(Slot slots) {
  if (slots <= capacity_) return;
  const Slot capacity = std::max(slots, capacity_ * 2);
  std::unique_ptr<std::byte, FreeDeleter> grown(
      static_cast<std::byte*>(std::aligned_alloc(64, std::size_t{capacity} * kSlotBytes)));
  if (!grown) throw std::bad_alloc();
  if (registers_) std::memcpy(grown.get(), registers_.get(), std::size_t{capacity_} * kSlotBytes);
  registers_ = std::move(grown);
  defined_.resize(capacity);
  if (block_.traces_origins()) origins_.resize(std::size_t{capacity} * kSlotBytes);
  capacity_ = capacity;
}

void Warp::reserve_local(std::uint64_t bytes) {
  if (bytes <= local_stride_) return;
  std::uint64_t stride = std::max<std::uint64_t>(256, local_stride_);
  while (stride < bytes) stride *= 2;
  auto memory = std::make_unique<std::byte[]>(stride * kLanes);
  auto known = std::make_unique<std::uint8_t[]>(stride * kLanes);
  for (std::uint32_t lane = 0; lane < kLanes && local_stride_ != 0; ++lane) {
    std::memcpy(memory.get() + lane * stride, local_.get() + lane * local_stride_, local_stride_);
    std::memcpy(known.get() + lane * stride, local_defined_.get() + lane * local_stride_, local_stride_);
  }
  local_ = std::move(memory);
  local_defined_ = std::move(known);
  local_stride_ = stride;
}

void Warp::start() {
  const std::uint32_t threads = block_.threads();
  const std::uint32_t count = std::min(kLanes, threads - index_ * kLanes);
  live_ = runnable_ = active_ = count == kLanes ? 0xffffffff : (1u << count) - 1;
  mask = active_;
  gathered_ = at_barrier_ = 0;
  regroup_ = yielded_ = false;
  sync_epoch = fence_epoch = acquire_epoch = 0;
  part_epoch.fill(0);
  part_lanes.fill(0);
  carry = carry_defined = 0;
  async_copies.reset();
  counters_ = {};
  last_leader_ = 0;
  rejoin_ = kNever;
  patience_ = kPatience;
  for (auto& callers : callers_) callers.clear();
  open_frame(block_.launch().kernel->function(), 0, 0);
  now_.depth = 0;
}

void Warp::open_frame(const Function& function, Slot frame, std::uint32_t local) {
  reserve(frame + function.slots);
  const std::uint64_t local_end = std::uint64_t{local} + function.local_bytes;
  if (local_end > block_.settings().stack_bytes) {
    fault(Check::trap, static_cast<std::uint32_t>(std::countr_zero(mask)),
          "stack overflow: " + std::to_string(local_end) + " bytes of local memory a thread, " +
              std::to_string(block_.settings().stack_bytes) + " allowed (cuCtxSetLimit raises it)",
          719);
  }
  reserve_local(local_end);
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1) != 0 && function.local_bytes != 0) {
      std::memset(local_defined(lane, local), 0, function.local_bytes);
    }
  }
  now_ = {&function, frame, local, now_.depth, 0};
  code_ = function.code.data();
  frame_ = registers_.get() + std::size_t{frame} * kSlotBytes;
  defined_frame_ = defined_.data() + frame;
  std::fill_n(defined_frame_, function.first_constant, 0u);
  if (traces_origins()) std::fill_n(origins(0), std::size_t{function.slots} * kSlotBytes, Origin{0});
  std::fill_n(defined_frame_ + function.first_constant, function.slots - function.first_constant,
              0xffffffffu);
  // A function may have none, and memcpy takes no null pointer.
  std::copy_n(function.constants.data(), function.constants.size(),
              frame_ + std::size_t{function.first_constant} * kSlotBytes);

  const Launch& launch = block_.launch();
  const Dim3& size = launch.block;
  for (const Function::SpecialSlot& special : function.specials) {
    if (special.bytes == 8) {
      std::uint64_t* values = lanes<std::uint64_t>(special.slot);
      const std::uint64_t value =
          special.special == Special::local_address ? local + special.offset : launch.node;
      std::fill_n(values, kLanes, value);
      continue;
    }
    std::uint32_t* values = lanes<std::uint32_t>(special.slot);
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      const std::uint32_t thread = this->thread(lane);
      const std::uint32_t bit = 1u << lane;
      std::uint32_t value = 0;
      switch (special.special) {
        case Special::tid_x:
          value = thread % size[0];
          break;
        case Special::tid_y:
          value = thread / size[0] % size[1];
          break;
        case Special::tid_z:
          value = thread / size[0] / size[1];
          break;
        case Special::ntid_x:
          value = size[0];
          break;
        case Special::ntid_y:
          value = size[1];
          break;
        case Special::ntid_z:
          value = size[2];
          break;
        case Special::ctaid_x:
          value = block_.index()[0];
          break;
        case Special::ctaid_y:
          value = block_.index()[1];
          break;
        case Special::ctaid_z:
          value = block_.index()[2];
          break;
        case Special::nctaid_x:
          value = launch.grid[0];
          break;
        case Special::nctaid_y:
          value = launch.grid[1];
          break;
        case Special::nctaid_z:
          value = launch.grid[2];
          break;
        case Special::laneid:
          value = lane;
          break;
        case Special::warpid:
          value = index_;
          break;
        case Special::nwarpid:
          value = block_.warps();
          break;
        case Special::smid:
          value = static_cast<std::uint32_t>(block_.linear_index() %
                                             block_.device().architecture.multiprocessors);
          break;
        case Special::nsmid:
          value = block_.device().architecture.multiprocessors;
          break;
        case Special::lanemask_eq:
          value = bit;
          break;
        case Special::lanemask_lt:
          value = bit - 1;
          break;
        case Special::lanemask_le:
          value = bit | (bit - 1);
          break;
        case Special::lanemask_gt:
          value = ~(bit | (bit - 1));
          break;
        case Special::lanemask_ge:
          value = ~(bit - 1);
          break;
        case Special::dynamic_smem_size:
          value = launch.dynamic_shared;
          break;
        case Special::total_smem_size:
          value = launch.kernel->dynamic_shared_offset() + launch.dynamic_shared;
          break;
        case Special::envreg1:
          value = static_cast<std::uint32_t>(block_.state().grid_workspace >> 32);
          break;
        case Special::envreg2:
          value = static_cast<std::uint32_t>(block_.state().grid_workspace);
          break;
        case Special::gridid:
        case Special::local_address:
          break;
      }
      values[lane] = value;
    }
  }
}

Warp::Stop Warp::run(std::uint64_t& budget) {
  yielded_ = false;
  if (active_ == 0) regroup();
  while (active_ != 0) {
    if (budget == 0 || yielded_) {
      yielded_ = false;
      return Stop::budget;
    }
    --budget;
    const Op& op = code_[now_.pc++];
    mask = active_;
    if (op.guard != kNoSlot) {
      check_defined(defined(op.guard), "the guard of an instruction");
      const std::uint32_t value = predicate(op.guard);
      mask &= op.guard_negated ? ~value : value;
    }
    const auto klass = static_cast<std::size_t>(op.klass);
    counters_.instructions[klass] += 1;
    const auto lanes = static_cast<std::uint32_t>(std::popcount(mask));
    counters_.lanes[klass] += lanes;
    counters_.flops += std::uint64_t{op.flops} * lanes;
    if (mask != 0) {
      if (traces_origins()) trace(op);
      op.execute(*this, op);
    }
    if (regroup_ || now_.pc >= rejoin_) {
      regroup();
    } else if (active_ != runnable_ && --patience_ == 0) {
      regroup();
    }
  }
  return live_ == 0 ? Stop::exited : Stop::blocked;
}

void Warp::trace(const Op& op) {
  if (op.trace != nullptr) {
    op.trace(*this, op);
    return;
  }
  const Function& function = *now_.function;
  for (std::uint32_t i = function.first_written[op.index]; i < function.first_written[op.index + 1]; ++i) {
    forget_origins(function.written[i].slot, function.written[i].bytes);
  }
}

void Warp::forget_origins(Slot slot, std::uint32_t bytes) {
  for (std::uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    std::fill_n(origins(slot) + i * bytes, bytes, Origin{0});
  }
}

void Warp::save() {
  for (std::uint32_t lanes = active_; lanes != 0; lanes &= lanes - 1) {
    lane_[static_cast<std::uint32_t>(std::countr_zero(lanes))] = now_;
  }
}

void Warp::regroup() {
  const bool exhausted = patience_ == 0 && active_ != 0;
  const std::uint32_t previous = active_;
  save();
  regroup_ = false;
  active_ = 0;
  if (runnable_ == 0 && gathered_ != 0) {
    // Lanes that wait for others: an exit may have completed their number, or they wait at two __syncwarp.
    for (std::uint32_t lanes = gathered_; lanes != 0; lanes &= lanes - 1) {
      const auto leader = static_cast<std::uint32_t>(std::countr_zero(lanes));
      std::uint32_t here = 0, needed = 0;
      const Op& op = lane_[leader].function->code[lane_[leader].pc];
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        if ((gathered_ >> i & 1) == 0) continue;
        const Op& other = lane_[i].function->code[lane_[i].pc];
        const bool same = lane_[i].same_frame(lane_[leader]) && lane_[i].pc == lane_[leader].pc;
        const bool both_sync = op.klass == Class::barrier && other.klass == Class::barrier;
        if (same || both_sync) here |= 1u << i;
      }
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        if ((here >> i & 1) != 0) needed |= members_[i];
      }
      if ((needed & live_ & ~here) != 0) continue;
      gathered_ &= ~here;
      runnable_ |= here;
      if (op.klass == Class::barrier) {  // nothing to exchange: all go past their instruction
        for (std::uint32_t i = 0; i < kLanes; ++i) {
          if ((here >> i & 1) != 0) ++lane_[i].pc;
        }
        sync_epoch = block_.next_epoch();
      }
      break;
    }
  }
  if (runnable_ == 0) return;

  // The deepest frame first, in it the lowest instruction; when patience is gone, whoever waits next.
  std::uint32_t leader = static_cast<std::uint32_t>(std::countr_zero(runnable_));
  std::uint32_t candidates = runnable_;
  if (exhausted && (runnable_ & ~previous) != 0) {
    candidates = runnable_ & ~previous;
    const std::uint32_t after = candidates & ~((2u << last_leader_) - 1u);
    leader = static_cast<std::uint32_t>(std::countr_zero(after != 0 ? after : candidates));
  } else {
    const bool highest = block_.settings().seed != 0 && block_.random().below(16) == 0;
    for (std::uint32_t lanes = runnable_; lanes != 0; lanes &= lanes - 1) {
      const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
      const Context &a = lane_[i], &b = lane_[leader];
      const bool lower = highest ? a.pc > b.pc : a.pc < b.pc;
      if (a.depth > b.depth || (a.depth == b.depth && lower)) leader = i;
    }
  }
  last_leader_ = leader;
  now_ = lane_[leader];
  rejoin_ = kNever;
  for (std::uint32_t lanes = runnable_; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    if (!lane_[i].same_frame(now_)) continue;
    if (lane_[i].pc == now_.pc) {
      active_ |= 1u << i;
    } else if (lane_[i].pc > now_.pc) {
      rejoin_ = std::min(rejoin_, lane_[i].pc);
    }
  }
  patience_ = kPatience;
  code_ = now_.function->code.data();
  frame_ = registers_.get() + std::size_t{now_.frame} * kSlotBytes;
  defined_frame_ = defined_.data() + now_.frame;
}

void Warp::branch(std::uint32_t taken, std::uint32_t target) {
  counters_.branches += 1;
  if (taken == active_) {
    now_.pc = target;
    return;
  }
  counters_.divergent_branches += 1;
  save();
  for (std::uint32_t lanes = taken; lanes != 0; lanes &= lanes - 1) {
    lane_[static_cast<std::uint32_t>(std::countr_zero(lanes))].pc = target;
  }
  active_ = 0;  // saved already
  regroup_ = true;
}

void Warp::branch_again(std::uint32_t taken, std::uint32_t target, std::uint32_t again) {
  const std::uint32_t others = mask & ~taken;
  branch(taken, target);
  for (std::uint32_t lanes = others; lanes != 0; lanes &= lanes - 1) {
    lane_[static_cast<std::uint32_t>(std::countr_zero(lanes))].pc = again;
  }
}

void Warp::hold_back(std::uint32_t lanes, std::uint32_t again) {
  save();
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    lane_[static_cast<std::uint32_t>(std::countr_zero(rest))].pc = again;
  }
  active_ &= ~lanes;
  mask &= ~lanes;
  regroup_ = true;
}

void Warp::call(const Function& callee) {
  const std::uint32_t caller_lanes = mask;
  for (std::uint32_t lanes = caller_lanes; lanes != 0; lanes &= lanes - 1) {
    callers_[static_cast<std::uint32_t>(std::countr_zero(lanes))].push_back(now_);
  }
  // Frames of different lanes must not overlap: their columns lie differently in different functions.
  Slot frame = now_.frame + now_.function->slots;
  const std::uint32_t others = live_ & ~caller_lanes;
  if (others != 0) {
    save();
    for (std::uint32_t lanes = others; lanes != 0; lanes &= lanes - 1) {
      const Context& other = lane_[static_cast<std::uint32_t>(std::countr_zero(lanes))];
      frame = std::max(frame, other.frame + other.function->slots);
    }
  }
  const std::uint32_t local = now_.local + now_.function->local_bytes;
  const std::uint32_t depth = now_.depth + 1;
  open_frame(callee, frame, local);
  now_.depth = depth;
  active_ = caller_lanes;
  rejoin_ = kNever;
  patience_ = kPatience;
}

void Warp::leave() {
  if (now_.depth == 0) {
    exit_lanes();
    return;
  }
  save();
  for (std::uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    lane_[i] = callers_[i].back();
    callers_[i].pop_back();
  }
  active_ = 0;
  regroup_ = true;
}

void Warp::exit_lanes() {
  live_ &= ~mask;
  runnable_ &= ~mask;
  active_ &= ~mask;
  regroup_ = true;
  ++block_.progress;
  block_.exited();
}

bool Warp::gather(const Op& op, Slot members) {
  const std::uint32_t* wanted = lanes<std::uint32_t>(members);
  check_defined(defined(members), "a member mask");
  std::uint32_t needed = 0;
  for (std::uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    if ((wanted[i] >> i & 1) == 0) {
      report(Check::collective, i,
             "lane " + std::to_string(i) +
                 " is not in its own member mask; every lane that executes a .sync "
                 "instruction must name itself");
    }
    needed |= wanted[i];
  }
  std::uint32_t here = mask;
  if ((needed & live_ & ~here) == 0) return true;
  for (std::uint32_t lanes = gathered_; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    if (lane_[i].pc == op.index && lane_[i].same_frame(now_)) {
      here |= 1u << i;
      needed |= members_[i];
    }
  }
  if ((needed & live_ & ~here) == 0) {
    gathered_ &= ~here;
    runnable_ |= here;
    active_ |= here;
    mask = here;
    return true;
  }
  save();
  for (std::uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const auto i = static_cast<std::uint32_t>(std::countr_zero(lanes));
    members_[i] = wanted[i];
    lane_[i].pc = op.index;
  }
  gathered_ |= mask;
  runnable_ &= ~mask;
  active_ &= ~mask;
  regroup_ = true;
  return false;
}

void Warp::wait_at_barrier() {
  save();
  at_barrier_ |= mask;
  runnable_ &= ~mask;
  active_ &= ~mask;
  regroup_ = true;
}

void Warp::release(std::uint32_t lanes) {
  at_barrier_ &= ~lanes;
  runnable_ |= lanes;
  regroup_ = true;
}

void Warp::deliver(std::uint32_t lane, Slot slot, bool is_predicate, std::uint32_t value) {
  const Slot at = lane_[lane].frame + slot;
  auto* words = reinterpret_cast<std::uint32_t*>(registers_.get() + std::size_t{at} * kSlotBytes);
  if (is_predicate) {
    *words = (*words & ~(1u << lane)) | (value != 0 ? 1u << lane : 0);
  } else {
    words[lane] = value;
  }
  defined_[at] |= 1u << lane;
}

Place Warp::place(const Function* function, std::uint32_t instruction) const {
  Place place;
  place.kernel = block_.launch().kernel->name();
  if (function == nullptr || instruction >= function->source->body.size()) return place;
  const ptx::Instruction& source = function->source->body[instruction];
  place.ptx_line = source.position.line;
  place.line = source.position.source_line;
  const auto& files = function->kernel->program().module().files;
  if (source.position.file < files.size()) place.file = files[source.position.file];
  place.instruction = source.opcode;
  for (const std::string& modifier : source.modifiers) place.instruction += "." + modifier;
  return place;
}

Place Warp::place_of_code(std::uint32_t code) const {
  return place(block_.launch().kernel->function_numbered(code >> 24), code & 0xffffff);
}

Place Warp::waiting_place(std::uint32_t lane) const {
  const Context& context = lane_[lane];
  const bool passed =
      (at_barrier_ >> lane & 1) != 0 && context.pc > 0;  // barriers are left behind when they wait
  return place(context.function, passed ? context.pc - 1 : context.pc);
}

Finding Warp::finding(Check check, std::uint32_t lane, std::string message) const {
  Finding finding;
  finding.check = check;
  finding.message = std::move(message);
  finding.place = place();
  const Dim3& size = block_.launch().block;
  const std::uint32_t thread = this->thread(lane);
  for (int i = 0; i < 3; ++i) finding.block[i] = block_.index()[static_cast<std::size_t>(i)];
  finding.thread[0] = thread % size[0];
  finding.thread[1] = thread / size[0] % size[1];
  finding.thread[2] = thread / size[0] / size[1];
  return finding;
}

void Warp::report(const Finding& finding) { block_.device().findings.add(finding); }

void Warp::report(Check check, std::uint32_t lane, std::string message, Severity severity, int code) {
  Finding result = finding(check, lane, std::move(message));
  result.severity = severity;
  result.code = code;
  report(result);
}

void Warp::fault(Check check, std::uint32_t lane, std::string message, int code) {
  Finding result = finding(check, lane, std::move(message));
  result.code = code;
  throw Fault{std::move(result)};
}

void Warp::undefined_use(std::uint32_t lanes, const char* what) {
  if (!block_.settings().checks) return;
  report(Check::uninitialised, static_cast<std::uint32_t>(std::countr_zero(lanes)),
         std::string("a value nobody wrote is used as ") + what + " in lanes " + lanes_text(lanes));
}

std::string Warp::where_lanes_are() const {
  std::string text;
  std::uint32_t rest = live_;
  while (rest != 0) {
    const auto leader = static_cast<std::uint32_t>(std::countr_zero(rest));
    const bool waits = ((at_barrier_ | gathered_) >> leader & 1) != 0;
    std::uint32_t group = 0;
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      const bool same = lane_[i].same_frame(lane_[leader]) && lane_[i].pc == lane_[leader].pc;
      if ((rest >> i & 1) != 0 && same) group |= 1u << i;
    }
    rest &= ~group;
    const Context& context = lane_[leader];
    const bool barrier = (at_barrier_ >> leader & 1) != 0;
    const std::uint32_t pc = barrier && context.pc > 0 ? context.pc - 1 : context.pc;
    text += (text.empty() ? "" : "; ");
    text +=
        "warp " + std::to_string(index_) + " lanes " + lanes_text(group) + (waits ? " wait at " : " are at ");
    if (context.function != nullptr && pc < context.function->source->body.size()) {
      const ptx::Instruction& instruction = context.function->source->body[pc];
      text += instruction.opcode + " (PTX line " + std::to_string(instruction.position.line);
      if (instruction.position.source_line != 0) {
        text += ", source line " + std::to_string(instruction.position.source_line);
      }
      text += ")";
    }
  }
  return text;
}

}  // namespace softgpu
