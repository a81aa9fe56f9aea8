// ld, st, ldu, prefetch and their like.
#include "../memory/access.h"

#include <algorithm>

#include "../machine/block.h"
#include "../memory/races.h"
#include "families.h"

namespace softgpu {

namespace {

using ptx::Operand;
using ptx::Type;

/// How an access finds its memory; packed into Op::c.
struct Mode {
  enum class Place : std::uint8_t { generic, window, parameters, frame };
  Place place = Place::generic;
  Window window = Window::global;
  bool wide = true, read_only = false, synchronises = false, acquires = false, releases = false;

  std::uint32_t packed() const {
    return static_cast<std::uint32_t>(place) | static_cast<std::uint32_t>(window) << 4 |
           std::uint32_t{wide} << 8 | std::uint32_t{read_only} << 9 | std::uint32_t{synchronises} << 10 |
           std::uint32_t{acquires} << 11 | std::uint32_t{releases} << 12;
  }
  static Mode of(std::uint32_t bits) {
    return {static_cast<Place>(bits & 15), static_cast<Window>(bits >> 4 & 15),
            (bits >> 8 & 1) != 0,          (bits >> 9 & 1) != 0,
            (bits >> 10 & 1) != 0,         (bits >> 11 & 1) != 0,
            (bits >> 12 & 1) != 0};
  }
};

/// Starts the access for `lanes`; returns those left for another turn (generic addresses of several windows).
std::uint32_t begin(Warp& warp, const Op& op, const Mode& mode, Access& access, std::uint32_t lanes) {
  access.read_only = mode.read_only;
  access.synchronises = mode.synchronises;
  access.acquires = mode.acquires;
  access.releases = mode.releases;
  if (mode.place == Mode::Place::frame) {
    access.window = Window::local;
    access.lanes = lanes;
    access.address.fill(warp.context().local + op.immediate);
    return 0;
  }
  access.window = mode.window;
  return begin_access(warp, access, op.a, mode.wide, op.immediate, mode.place == Mode::Place::generic, lanes);
}

template <class M, class R, bool kSigned>
R widen(M value) {
  if constexpr (kSigned) {
    return static_cast<R>(static_cast<std::make_signed_t<R>>(static_cast<std::make_signed_t<M>>(value)));
  } else {
    return static_cast<R>(value);
  }
}

/// Elements of `memory` bytes have been loaded to registers of `lane` bytes: these get their origins; what a
/// wider register adds has none.
void trace_load(Warp& warp, const Access& access, const Slot* destinations, std::uint32_t count,
                std::uint32_t memory, std::uint32_t lane) {
  const Origins& origins = warp.block().origins();
  for (std::uint32_t e = 0; e < count; ++e) {
    Origin* to = warp.origins(destinations[e]);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((access.lanes >> i & 1) == 0) continue;
      origins.read(access.window, access.address[i] + e * memory, memory, to + i * lane);
      std::fill_n(to + i * lane + memory, lane - memory, Origin{0});
    }
  }
}

/// The same for elements stored.
void trace_store(Warp& warp, const Access& access, const Slot* sources, std::uint32_t count,
                 std::uint32_t memory, std::uint32_t lane) {
  Origins& origins = warp.block().origins();
  for (std::uint32_t e = 0; e < count; ++e) {
    const Origin* from = warp.origins(sources[e]);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((access.lanes >> i & 1) == 0) continue;
      origins.write(access.window, access.address[i] + e * memory, memory, from + i * lane);
    }
  }
}

/// M: element in memory, R: lane of its register. Op: list of destinations, flags: their number.
template <class M, class R, bool kSigned>
void load(Warp& warp, const Op& op) {
  const Mode mode = Mode::of(op.c);
  const std::uint32_t count = op.flags, mask = warp.mask;
  const std::uint32_t* destinations = warp.list(op);
  Access access;
  access.kind = Access::Kind::load;
  access.bytes = count * static_cast<std::uint32_t>(sizeof(M));
  alignas(64) M values[4][kLanes];
  std::uint32_t known = 0, rest = mask;
  do {
    rest = begin(warp, op, mode, access, rest);
    Located located;
    locate(warp, access, located);
    known |= defined_lanes(warp, access, located) & access.lanes;
    check_races(warp, access);
    count_access(warp, access);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      if ((access.lanes >> i & 1) == 0) continue;
      for (std::uint32_t e = 0; e < count; ++e)
        std::memcpy(&values[e][i], located.bytes[i] + e * sizeof(M), sizeof(M));
    }
    if (access.synchronises) acquire_order(warp, access);
    if (warp.traces_origins()) trace_load(warp, access, destinations, count, sizeof(M), sizeof(R));
  } while (rest != 0);
  for (std::uint32_t e = 0; e < count; ++e) {
    R* d = warp.lanes<R>(destinations[e]);
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      const R value = widen<M, R, kSigned>(values[e][i]);
      d[i] = (mask >> i & 1) != 0 ? value : d[i];
    }
    warp.define(destinations[e], known);
  }
}

/// ld.shared of 32-bit words: the same steps as `load`, on all lanes at once where nothing needs a closer
/// look.
void load_shared_words(Warp& warp, const Op& op) {
  Block& block = warp.block();
  const std::uint32_t count = op.flags, mask = warp.mask;
  const std::uint32_t* destinations = warp.list(op);
  Access access;
  access.window = Window::shared;
  access.bytes = 4 * count;
  begin_access(warp, access, op.a, Mode::of(op.c).wide, op.immediate, false, mask);
  if (mask != 0xffffffff) {  // other lanes look where the first does
    const std::uint64_t first = access.address[static_cast<std::uint32_t>(std::countr_zero(mask))];
    for (std::uint32_t i = 0; i < kLanes; ++i)
      access.address[i] = (mask >> i & 1) != 0 ? access.address[i] : first;
  }
  std::uint64_t bits = 0, high = 0;
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    bits |= access.address[i];
    high = std::max(high, access.address[i]);
  }
  if ((bits & (access.bytes - 1)) != 0 || high + access.bytes > block.shared_bytes()) {
    Located located;
    locate(warp, access, located);  // faults
  }
  alignas(64) std::array<std::uint32_t, kLanes> word;
  for (std::uint32_t i = 0; i < kLanes; ++i) word[i] = static_cast<std::uint32_t>(access.address[i] >> 2);
  const auto* memory = reinterpret_cast<const std::uint32_t*>(block.shared(0));
  const auto* defined = reinterpret_cast<const std::uint32_t*>(block.shared_defined(0));
  const AccessPattern& pattern = pattern_of(warp, access);
  std::uint32_t known = ~0u, shadow = ~0u;
  for (std::uint32_t d = 0; d < pattern.distinct_count; ++d) {
    const std::uint32_t* first = defined + word[pattern.distinct[d]];
    for (std::uint32_t e = 0; e < count; ++e) shadow &= first[e];
  }
  if (shadow != ~0u) {
    Located located;
    locate(warp, access, located);
    known = defined_lanes(warp, access, located);
  }
  check_shared_load(warp, access, word.data(), pattern);
  count_pattern(warp, access, pattern);
  if (warp.traces_origins()) trace_load(warp, access, destinations, count, 4, 4);
  alignas(64) std::uint32_t values[4][kLanes];  // the address register may be a destination
  for (std::uint32_t e = 0; e < count; ++e) {
    for (std::uint32_t i = 0; i < kLanes; ++i) values[e][i] = memory[word[i] + e];
  }
  for (std::uint32_t e = 0; e < count; ++e) {
    std::uint32_t* d = warp.lanes<std::uint32_t>(destinations[e]);
    for (std::uint32_t i = 0; i < kLanes; ++i) d[i] = (mask >> i & 1) != 0 ? values[e][i] : d[i];
    warp.define(destinations[e], known);
  }
}

/// ld.param of an entry: from the launch's buffer, or, through a register that holds a local address, the
/// frame.
template <class M, class R, bool kSigned>
void load_parameter(Warp& warp, const Op& op) {
  const std::uint32_t count = op.flags, mask = warp.mask;
  const std::uint32_t* destinations = warp.list(op);
  const auto& buffer = warp.block().launch().parameters;
  const std::uint64_t* base = op.a != kNoSlot ? warp.lanes<std::uint64_t>(op.a) : nullptr;
  std::uint32_t known = ~0u;
  if (base != nullptr) {
    warp.check_defined(warp.defined(op.a), "an address");
    known = 0;
  }
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    if ((mask >> i & 1) == 0) continue;
    std::uint64_t address = op.immediate + (base != nullptr ? base[i] : 0);
    const std::byte* from = nullptr;
    const std::uint64_t bytes = count * sizeof(M);
    if (window_of(address) == Window::local) {
      address = offset_in_window(address);
      if (address + bytes <= warp.local_bytes()) from = warp.local(i, address);
      known |= static_cast<std::uint32_t>(from != nullptr && *warp.local_defined(i, address) == kDefined)
               << i;
    } else {
      address = offset_in_window(address);
      if (address + bytes <= buffer.size()) from = buffer.data() + address;
      known |= 1u << i;
    }
    if (from == nullptr) {
      warp.fault(Check::bounds, i,
                 "a load of " + std::to_string(bytes) + " bytes at offset " + std::to_string(address) +
                     " of " + std::to_string(buffer.size()) + " bytes of parameters",
                 700);
    }
    for (std::uint32_t e = 0; e < count; ++e) {
      M value;
      std::memcpy(&value, from + e * sizeof(M), sizeof(M));
      warp.lanes<R>(destinations[e])[i] = widen<M, R, kSigned>(value);
    }
  }
  for (std::uint32_t e = 0; e < count; ++e) warp.define(destinations[e], known);
}

/// R: lane of the source register, M: element in memory, its low bytes.
template <class M, class R>
void store(Warp& warp, const Op& op) {
  const Mode mode = Mode::of(op.c);
  const std::uint32_t count = op.flags;
  const std::uint32_t* sources = warp.list(op);
  Access access;
  access.kind = Access::Kind::store;
  access.bytes = count * static_cast<std::uint32_t>(sizeof(M));
  std::uint32_t rest = warp.mask;
  std::uint32_t known = ~0u;
  for (std::uint32_t e = 0; e < count; ++e) known &= warp.defined(sources[e]);
  bool changed = false;
  do {
    rest = begin(warp, op, mode, access, rest);
    Located located;
    locate(warp, access, located);
    check_races(warp, access);
    count_access(warp, access);
    mark_written(warp, access, located, known);
    if (warp.traces_origins()) trace_store(warp, access, sources, count, sizeof(M), sizeof(R));
    for (std::uint32_t e = 0; e < count; ++e) {
      const R* source = warp.lanes<R>(sources[e]);
      for (std::uint32_t i = 0; i < kLanes; ++i) {
        if ((access.lanes >> i & 1) == 0) continue;
        const M value = static_cast<M>(source[i]);
        std::byte* to = located.bytes[i] + e * sizeof(M);
        changed = changed || std::memcmp(to, &value, sizeof(M)) != 0;
        std::memcpy(to, &value, sizeof(M));
      }
    }
  } while (rest != 0);
  if (changed && mode.place != Mode::Place::frame) ++warp.block().progress;
}

ptx::Space space_of(const Encoder& e) {
  if (e.has("global")) return ptx::Space::global;
  if (e.has("shared") || e.has("shared::cta")) return ptx::Space::shared;
  if (e.has("local")) return ptx::Space::local;
  if (e.has("const")) return ptx::Space::constant;
  if (e.has("param") || e.has("param::entry") || e.has("param::func")) return ptx::Space::param;
  return ptx::Space::generic;
}

/// Fills base, offset and mode; true if the operand is an entry's parameter.
bool encode_address(Encoder& e, Op& op, const Operand& operand, bool store) {
  const ptx::Space space = space_of(e);
  const Address address = e.address(operand, space);
  Mode mode;
  mode.wide = address.wide;
  mode.read_only = e.has("nc") || e.instruction().opcode == "ldu";
  mode.acquires = e.has("acquire");
  mode.releases = e.has("release");
  mode.synchronises =
      mode.acquires || mode.releases || e.has("volatile") || e.has("relaxed") || e.has("mmio");
  op.a = address.base;
  op.immediate = address.offset;
  bool parameter = false;
  switch (space) {
    case ptx::Space::generic:
      mode.place = Mode::Place::generic;
      break;
    case ptx::Space::global:
    case ptx::Space::constant:
      mode.place = Mode::Place::window;
      break;
    case ptx::Space::shared:
      mode.place = Mode::Place::window;
      mode.window = Window::shared;
      break;
    case ptx::Space::local:
      mode.place = Mode::Place::window;
      mode.window = Window::local;
      break;
    case ptx::Space::param:
      if (address.param == Address::Param::frame) {
        mode.place = Mode::Place::frame;
      } else {
        mode.place = Mode::Place::parameters;
        parameter = true;
      }
      break;
    case ptx::Space::reg:
      e.unsupported();
  }
  if (store && parameter) e.unsupported("a store to an entry's parameters");
  op.c = mode.packed();
  const bool is_shared = space == ptx::Space::shared;
  op.klass = space == ptx::Space::local || mode.place == Mode::Place::frame ? Class::local
             : space == ptx::Space::constant || parameter                   ? Class::constant
             : store ? (is_shared ? Class::shared_store : Class::global_store)
                     : (is_shared ? Class::shared_load : Class::global_load);
  return parameter;
}

template <template <class, class, bool> class Pick, class M, class R>
Handler handler_of(bool is_signed) {
  return is_signed ? Pick<M, R, true>::handler : Pick<M, R, false>::handler;
}

/// The handler for elements of `memory` bytes and registers of `lane` bytes; nullptr if the register is
/// narrower.
template <template <class, class, bool> class Pick>
Handler handler_by_widths(std::uint32_t memory, std::uint32_t lane, bool is_signed) {
  switch (memory * 16 + lane) {
    case 1 * 16 + 2:
      return handler_of<Pick, std::uint8_t, std::uint16_t>(is_signed);
    case 1 * 16 + 4:
      return handler_of<Pick, std::uint8_t, std::uint32_t>(is_signed);
    case 1 * 16 + 8:
      return handler_of<Pick, std::uint8_t, std::uint64_t>(is_signed);
    case 2 * 16 + 2:
      return Pick<std::uint16_t, std::uint16_t, false>::handler;
    case 2 * 16 + 4:
      return handler_of<Pick, std::uint16_t, std::uint32_t>(is_signed);
    case 2 * 16 + 8:
      return handler_of<Pick, std::uint16_t, std::uint64_t>(is_signed);
    case 4 * 16 + 4:
      return Pick<std::uint32_t, std::uint32_t, false>::handler;
    case 4 * 16 + 8:
      return handler_of<Pick, std::uint32_t, std::uint64_t>(is_signed);
    case 8 * 16 + 8:
      return Pick<std::uint64_t, std::uint64_t, false>::handler;
    default:
      return nullptr;
  }
}

template <class M, class R, bool kSigned>
struct Load {
  static constexpr Handler handler = load<M, R, kSigned>;
};
template <class M, class R, bool kSigned>
struct LoadParameter {
  static constexpr Handler handler = load_parameter<M, R, kSigned>;
};
template <class M, class R, bool kSigned>
struct Store {
  static constexpr Handler handler = store<M, R>;
};

Type bits_type(std::uint32_t bytes) { return bytes == 8 ? Type::b64 : bytes == 4 ? Type::b32 : Type::b16; }

/// The registers of a scalar or a vector operand.
std::vector<const Operand*> elements(const Operand& operand) {
  std::vector<const Operand*> result;
  if (operand.kind != Operand::Kind::vector) return {&operand};
  for (const Operand& each : operand.elements) result.push_back(&each);
  return result;
}

bool is_signed(Type type) {
  return type == Type::s8 || type == Type::s16 || type == Type::s32 || type == Type::s64;
}

Op encode_ld(Encoder& e) {
  Op op;
  const Type type = e.type();
  const std::uint32_t memory = ptx::bytes_of(type);
  const bool parameter = encode_address(e, op, e.operand(1), false);
  const auto parts = elements(e.operand(0));
  if (parts.size() > 4 || parts.size() * memory > 16) e.unsupported("a vector of that size");
  std::uint32_t lane = std::max(2u, memory);
  for (const Operand* each : parts) {
    if (each->kind == Operand::Kind::reg) lane = e.register_bytes(*each);
  }
  std::vector<std::uint32_t> slots;
  slots.reserve(parts.size());
  for (const Operand* each : parts) {
    slots.push_back(each->kind == Operand::Kind::sink ? e.write(*each, bits_type(lane))
                                                      : e.write_any_width(*each));
  }
  op.list = e.list(slots);
  op.flags = static_cast<std::uint8_t>(parts.size());
  op.execute = parameter ? handler_by_widths<LoadParameter>(memory, lane, is_signed(type))
                         : handler_by_widths<Load>(memory, lane, is_signed(type));
  if (!parameter) op.trace = origins_kept;
  if (op.execute == nullptr) e.unsupported("into a register of " + std::to_string(lane) + " bytes");
  const Mode mode = Mode::of(op.c);
  if (op.klass == Class::shared_load && memory == 4 && lane == 4 && !mode.synchronises)
    op.execute = load_shared_words;
  return op;
}

Op encode_st(Encoder& e) {
  Op op;
  const std::uint32_t memory = ptx::bytes_of(e.type());
  encode_address(e, op, e.operand(0), true);
  const auto parts = elements(e.operand(1));
  if (parts.size() > 4 || parts.size() * memory > 16) e.unsupported("a vector of that size");
  std::uint32_t lane = std::max(2u, memory);
  for (const Operand* each : parts) {
    if (each->kind == Operand::Kind::reg) lane = e.register_bytes(*each);
  }
  std::vector<std::uint32_t> slots;
  slots.reserve(parts.size());
  for (const Operand* each : parts) slots.push_back(e.read_any_width(*each, bits_type(lane)));
  op.list = e.list(slots);
  op.flags = static_cast<std::uint8_t>(parts.size());
  op.execute = handler_by_widths<Store>(memory, lane, false);
  op.trace = origins_kept;
  if (op.execute == nullptr) e.unsupported("from a register of " + std::to_string(lane) + " bytes");
  return op;
}

/// Hints: the address is evaluated, nothing is fetched.
void nothing(Warp&, const Op&) {}
Op encode_hint(Encoder&) {
  Op op;
  op.execute = nothing;
  return op;
}

/// createpolicy: an opaque description of a cache policy. Caches are not modelled, so one value stands for
/// all.
void make_policy(Warp& warp, const Op& op) {
  map_lanes<std::uint64_t>(warp, op.d, [] { return std::uint64_t{0}; });
  warp.define(op.d);
}
Op encode_createpolicy(Encoder& e) {
  Op op;
  op.execute = make_policy;
  op.d = e.write(0, Type::b64);
  return op;
}

constexpr Opcode kOpcodes[] = {{"ld", encode_ld},
                               {"ldu", encode_ld},
                               {"st", encode_st},
                               {"prefetch", encode_hint},
                               {"prefetchu", encode_hint},
                               {"discard", encode_hint},
                               {"applypriority", encode_hint},
                               {"createpolicy", encode_createpolicy}};

}  // namespace

std::span<const Opcode> memory_opcodes() { return kOpcodes; }

}  // namespace softgpu
