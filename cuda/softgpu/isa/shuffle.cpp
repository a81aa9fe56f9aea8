// shfl, vote, match, redux, activemask, elect: values that cross lanes.
//
// Every .sync form waits for the lanes of its member mask (Warp::gather). A value taken from a lane that is
// not there has no defined bits: the result is undefined, and reported.
#include "../machine/block.h"
#include "families.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

enum class Shuffle : std::uint8_t { up, down, butterfly, index };

/// a: value, b: lane or distance, c: clamp and segment mask; list: member mask, predicate destination.
void shuffle(Warp& warp, const Op& op) {
  const std::uint32_t* list = warp.list(op);
  if (!warp.gather(op, list[0])) return;
  const std::uint32_t *value = warp.lanes<std::uint32_t>(op.a), *distance = warp.lanes<std::uint32_t>(op.b),
                      *control = warp.lanes<std::uint32_t>(op.c),
                      *members = warp.lanes<std::uint32_t>(list[0]);
  warp.check_defined(warp.defined(op.b) & warp.defined(op.c), "a shuffle's lane or clamp");
  const auto kind = static_cast<Shuffle>(op.flags);
  const std::uint32_t known = warp.defined(op.a);
  std::array<std::uint32_t, kLanes> result{};
  std::uint32_t inside = 0, defined = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const std::uint32_t b = distance[i] & 31, clamp = control[i] & 31, segment = control[i] >> 8 & 31;
    const std::uint32_t most = (i & segment) | (clamp & ~segment), least = i & segment;
    std::int32_t from = 0;
    bool in_range = false;
    switch (kind) {
      case Shuffle::up:
        from = static_cast<std::int32_t>(i) - static_cast<std::int32_t>(b);
        in_range = from >= static_cast<std::int32_t>(most);
        break;
      case Shuffle::down:
        from = static_cast<std::int32_t>(i + b);
        in_range = from <= static_cast<std::int32_t>(most);
        break;
      case Shuffle::butterfly:
        from = static_cast<std::int32_t>(i ^ b);
        in_range = from <= static_cast<std::int32_t>(most);
        break;
      case Shuffle::index:
        from = static_cast<std::int32_t>(least | (b & ~segment));
        in_range = from <= static_cast<std::int32_t>(most);
        break;
    }
    if (!in_range) from = static_cast<std::int32_t>(i);
    const auto source = static_cast<std::uint32_t>(from);
    result[i] = value[source];
    inside |= static_cast<std::uint32_t>(in_range) << i;
    if ((warp.mask >> source & 1) == 0 || (members[i] >> source & 1) == 0) {
      const bool exited = (warp.live() >> source & 1) == 0;
      warp.report(Check::collective, i,
                  "shuffle takes the value of lane " + std::to_string(source) + ", which " +
                      (exited                            ? "has exited"
                       : (members[i] >> source & 1) == 0 ? "is not in the member mask"
                                                         : "is not active") +
                      "; the result is undefined");
    } else {
      defined |= (known >> source & 1) << i;
    }
  }
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = result[i];
  }
  warp.define(op.d, defined);
  if (list[1] != kNoSlot) warp.set_predicate(list[1], inside);
}

Op encode_shfl(Encoder& e) {
  if (!e.has("sync")) e.unsupported("shuffles without .sync are not in this architecture");
  Op op;
  op.klass = Class::shuffle;
  op.execute = shuffle;
  op.flags = static_cast<std::uint8_t>(e.has("up")     ? Shuffle::up
                                       : e.has("down") ? Shuffle::down
                                       : e.has("bfly") ? Shuffle::butterfly
                                                       : Shuffle::index);
  const Operand& destination = e.operand(0);
  const bool pair = destination.kind == Operand::Kind::pair;
  op.a = e.read(1, Type::b32);
  op.b = e.read(2, Type::b32);
  op.c = e.read(3, Type::b32);
  const Slot members = e.read(4, Type::b32);
  op.d = e.write(pair ? destination.elements[0] : destination, Type::b32);
  op.list = e.list({members, pair ? e.write(destination.elements[1], Type::pred) : kNoSlot});
  return op;
}

enum class Vote : std::uint8_t { all, any, uniform, ballot };

/// a: predicate, b: member mask. flags: Vote | negated << 4.
void vote(Warp& warp, const Op& op) {
  if (!warp.gather(op, op.b)) return;
  warp.check_defined(warp.defined(op.a), "a vote");
  const std::uint32_t value = (op.flags >> 4) != 0 ? ~warp.predicate(op.a) : warp.predicate(op.a);
  const std::uint32_t* members = warp.lanes<std::uint32_t>(op.b);
  const auto kind = static_cast<Vote>(op.flags & 15);
  std::uint32_t bits = 0;
  std::array<std::uint32_t, kLanes> ballots{};
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const std::uint32_t there = members[i] & warp.mask, yes = value & there;
    ballots[i] = yes;
    const bool holds = kind == Vote::all   ? yes == there
                       : kind == Vote::any ? yes != 0
                                           : yes == 0 || yes == there;
    bits |= static_cast<std::uint32_t>(holds) << i;
  }
  if (kind != Vote::ballot) {
    warp.set_predicate(op.d, bits);
    return;
  }
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = ballots[i];
  }
  warp.define(op.d);
}

Op encode_vote(Encoder& e) {
  if (!e.has("sync")) e.unsupported("votes without .sync are not in this architecture");
  const Vote kind = e.has("all")   ? Vote::all
                    : e.has("any") ? Vote::any
                    : e.has("uni") ? Vote::uniform
                                   : Vote::ballot;
  Op op;
  op.klass = Class::shuffle;
  op.execute = vote;
  op.flags = static_cast<std::uint8_t>(kind);
  if (e.operand(1).negated) op.flags |= 16;
  op.a = e.read(1, Type::pred);
  op.b = e.read(2, Type::b32);
  op.d = e.write(0, kind == Vote::ballot ? Type::b32 : Type::pred);
  return op;
}

/// match: which of the members hold this lane's value. flags 1: all (mask or 0, and a predicate).
template <class T>
void match(Warp& warp, const Op& op) {
  if (!warp.gather(op, op.b)) return;
  warp.check_defined(warp.defined(op.a), "a match");
  const T* value = warp.lanes<T>(op.a);
  const std::uint32_t* members = warp.lanes<std::uint32_t>(op.b);
  const Slot predicate = warp.list(op)[0];
  std::array<std::uint32_t, kLanes> result{};
  std::uint32_t same = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const std::uint32_t there = members[i] & warp.mask;
    std::uint32_t equal = 0;
    for (std::uint32_t k = 0; k < kLanes; ++k) {
      if ((there >> k & 1) != 0 && value[k] == value[i]) equal |= 1u << k;
    }
    const bool all = equal == there;
    same |= static_cast<std::uint32_t>(all) << i;
    result[i] = op.flags != 0 ? (all ? there : 0) : equal;
  }
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = result[i];
  }
  warp.define(op.d);
  if (predicate != kNoSlot) warp.set_predicate(predicate, same);
}

Op encode_match(Encoder& e) {
  const Type type = e.type();
  Op op;
  op.klass = Class::shuffle;
  op.execute = ptx::bytes_of(type) == 8 ? match<std::uint64_t> : match<std::uint32_t>;
  op.flags = e.has("all");
  const Operand& destination = e.operand(0);
  const bool pair = destination.kind == Operand::Kind::pair;
  op.a = e.read(1, type);
  op.b = e.read(2, Type::b32);
  op.d = e.write(pair ? destination.elements[0] : destination, Type::b32);
  op.list = e.list({pair ? e.write(destination.elements[1], Type::pred) : kNoSlot});
  return op;
}

enum class Reduction : std::uint8_t { add, minimum, maximum, logical_and, logical_or, logical_xor };

/// redux: every member gets the reduction over all of them. flags: Reduction | signed << 4.
void reduce(Warp& warp, const Op& op) {
  if (!warp.gather(op, op.b)) return;
  const std::uint32_t *value = warp.lanes<std::uint32_t>(op.a), *members = warp.lanes<std::uint32_t>(op.b);
  const auto kind = static_cast<Reduction>(op.flags & 15);
  const bool is_signed = (op.flags >> 4) != 0;
  std::array<std::uint32_t, kLanes> result{};
  std::uint32_t defined = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) == 0) continue;
    const std::uint32_t there = members[i] & warp.mask;
    std::uint32_t sum = value[i];
    for (std::uint32_t k = 0; k < kLanes; ++k) {
      if ((there >> k & 1) == 0 || k == i) continue;
      const std::uint32_t other = value[k];
      const bool less =
          is_signed ? static_cast<std::int32_t>(other) < static_cast<std::int32_t>(sum) : other < sum;
      switch (kind) {
        case Reduction::add:
          sum += other;
          break;
        case Reduction::minimum:
          sum = less ? other : sum;
          break;
        case Reduction::maximum:
          sum = less ? sum : other;
          break;
        case Reduction::logical_and:
          sum &= other;
          break;
        case Reduction::logical_or:
          sum |= other;
          break;
        case Reduction::logical_xor:
          sum ^= other;
          break;
      }
    }
    result[i] = sum;
    if ((there & ~warp.defined(op.a)) == 0) defined |= 1u << i;
  }
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = result[i];
  }
  warp.define(op.d, defined);
}

Op encode_redux(Encoder& e) {
  const Type type = e.type();
  if (ptx::bytes_of(type) != 4 || type == Type::f32) e.unsupported();
  const Reduction kind = e.has("add")   ? Reduction::add
                         : e.has("min") ? Reduction::minimum
                         : e.has("max") ? Reduction::maximum
                         : e.has("and") ? Reduction::logical_and
                         : e.has("or")  ? Reduction::logical_or
                                        : Reduction::logical_xor;
  Op op;
  op.klass = Class::shuffle;
  op.execute = reduce;
  op.flags = static_cast<std::uint8_t>(static_cast<std::uint8_t>(kind) | (type == Type::s32 ? 16 : 0));
  op.a = e.read(1, type);
  op.b = e.read(2, Type::b32);
  op.d = e.write(0, type);
  return op;
}

/// activemask: the lanes that run together now; a schedule's own, so only "contains me" is promised.
void active_mask(Warp& warp, const Op& op) {
  std::uint32_t* d = warp.lanes<std::uint32_t>(op.d);
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((warp.mask >> i & 1) != 0) d[i] = warp.mask;
  }
  warp.define(op.d);
}

Op encode_activemask(Encoder& e) {
  Op op;
  op.klass = Class::shuffle;
  op.execute = active_mask;
  op.d = e.write(0, Type::b32);
  return op;
}

constexpr Opcode kOpcodes[] = {{"shfl", encode_shfl},
                               {"vote", encode_vote},
                               {"match", encode_match},
                               {"redux", encode_redux},
                               {"activemask", encode_activemask}};

}  // namespace

std::span<const Opcode> shuffle_opcodes() { return kOpcodes; }

}  // namespace softgpu
