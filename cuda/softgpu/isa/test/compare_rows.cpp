// setp, set, selp, slct (PTX ISA 9.7.6 and 9.7.7): every relation, combination and destination.
#include "values.h"

namespace softgpu::isa_test {

namespace {

/// Of a pair of values: less, equal, greater or unordered (a NaN).
enum class Order { less, equal, greater, unordered };

struct Relation {
  const char* name;
  bool less, equal, greater, unordered;  ///< when it holds
  bool holds(Order order) const {
    return order == Order::less      ? less
           : order == Order::equal   ? equal
           : order == Order::greater ? greater
                                     : unordered;
  }
};
constexpr Relation kOrdered[] = {{"eq", false, true, false, false}, {"ne", true, false, true, false},
                                 {"lt", true, false, false, false}, {"le", true, true, false, false},
                                 {"gt", false, false, true, false}, {"ge", false, true, true, false}};
constexpr Relation kUnsignedNames[] = {{"lo", true, false, false, false},
                                       {"ls", true, true, false, false},
                                       {"hi", false, false, true, false},
                                       {"hs", false, true, true, false}};
constexpr Relation kFloatOnly[] = {{"equ", false, true, false, true}, {"neu", true, false, true, true},
                                   {"ltu", true, false, false, true}, {"leu", true, true, false, true},
                                   {"gtu", false, false, true, true}, {"geu", false, true, true, true},
                                   {"num", true, true, true, false},  {"nan", false, false, false, true}};

struct Source {
  std::string name;
  int bytes;
  std::vector<Relation> relations;
  std::function<Order(Bits, Bits)> order;
  Operand values;
  bool flushes = false;
};

Order order_of(I128 a, I128 b) { return a < b ? Order::less : a > b ? Order::greater : Order::equal; }
Order order_of(const Format& format, Bits a, Bits b) {
  if (is_nan(format, a) || is_nan(format, b)) return Order::unordered;
  const auto key = [&](Bits x) {
    const auto magnitude = static_cast<I128>(x & (format.sign() - 1));
    return (x & format.sign()) != 0 ? -magnitude : magnitude;  // both zeros are 0
  };
  return order_of(key(a), key(b));
}

std::vector<Source> sources() {
  std::vector<Source> result;
  for (const Integer& type : kIntegers) {
    std::vector<Relation> relations(std::begin(kOrdered), std::end(kOrdered));
    if (!type.is_signed)
      relations.insert(relations.end(), std::begin(kUnsignedNames), std::end(kUnsignedNames));
    result.push_back({type.name, type.bytes, relations,
                      [type](Bits a, Bits b) { return order_of(type.value(a), type.value(b)); },
                      integers(type.bytes)});
    if (!type.is_signed) {
      result.push_back({"b" + std::string(type.name + 1),
                        type.bytes,
                        {kOrdered[0], kOrdered[1]},
                        [](Bits a, Bits b) { return order_of(static_cast<I128>(a), static_cast<I128>(b)); },
                        integers(type.bytes)});
    }
  }
  for (const auto& [name, format] : {std::pair{"f16", kF16}, {"bf16", kBf16}, {"f32", kF32}, {"f64", kF64}}) {
    std::vector<Relation> relations(std::begin(kOrdered), std::end(kOrdered));
    relations.insert(relations.end(), std::begin(kFloatOnly), std::end(kFloatOnly));
    for (const bool flushes : {false, true}) {
      if (flushes && format.precision != 24 && format.precision != 11) continue;
      result.push_back({name, format.width() / 8, relations,
                        [=, format = format](Bits a, Bits b) {
                          return flushes ? order_of(format, flush(format, a), flush(format, b))
                                         : order_of(format, a, b);
                        },
                        floats(format), flushes});
    }
  }
  return result;
}

Bits combined(const std::string& combination, Bits t, Bits c) {
  return combination == ".and" ? t & c : combination == ".or" ? t | c : combination == ".xor" ? t ^ c : t;
}

const std::string kCombinations[] = {"", ".and", ".or", ".xor"};

void predicates_of(std::vector<Row>& rows, const Source& source) {
  for (const Relation& relation : source.relations) {
    const std::string name = std::string("setp.") + relation.name;
    const std::string type = (source.flushes ? ".ftz." : ".") + source.name;
    rows.push_back({name + type + " %d, %a, %b;",
                    {kPredicate},
                    {source.values, source.values},
                    [=](const Bits* in, Bits* out) { out[0] = relation.holds(source.order(in[0], in[1])); },
                    {}});
    for (const std::string& combination : kCombinations) {
      for (const bool negated : {false, true}) {
        const bool combines = !combination.empty();
        const bool half = source.name == "f16" || source.name == "bf16";  // these have one destination
        if ((negated || half) && !combines) continue;
        const Operand values = thinned(source.values, 24);
        std::vector<Operand> operands{values, values};
        if (combines) operands.push_back(predicates());
        rows.push_back({name + combination + type + (half ? " %d" : " %d|%e") + ", %a, %b" +
                            (combines ? negated ? ", !%c;" : ", %c;" : ";"),
                        std::vector<int>(half ? 1 : 2, kPredicate),
                        operands,
                        [=](const Bits* in, Bits* out) {
                          const Bits t = relation.holds(source.order(in[0], in[1])),
                                     c = in[2] ^ (negated ? 1 : 0);
                          out[0] = combined(combination, t, c);
                          out[1] = combined(combination, t ^ 1, c);
                        },
                        {},
                        false,
                        !combines});
      }
    }
  }
}

void values_of(std::vector<Row>& rows, const Source& source) {
  const bool half = source.name == "f16" || source.name == "bf16";
  struct Destination {
    const char* name;
    int bytes;
    Bits truth;
  };
  std::vector<Destination> destinations{
      {"u32", 4, 0xffffffff}, {"s32", 4, 0xffffffff}, {"f32", 4, 0x3f800000}};
  if (half)
    destinations = {
        {"u32", 4, 0xffffffff},
        {"s32", 4, 0xffffffff},
        {"u16", 2, 0xffff},
        {"s16", 2, 0xffff},
        {source.name == "f16" ? "f16" : "bf16", 2, Bits{source.name == "f16" ? 0x3c00u : 0x3f80u}}};
  for (const Destination& to : destinations) {
    for (const Relation& relation : source.relations) {
      const std::string name = std::string("set.") + relation.name;
      const std::string types = std::string(source.flushes ? ".ftz." : ".") + to.name + "." + source.name;
      rows.push_back({name + types + " %d, %a, %b;",
                      {to.bytes},
                      {source.values, source.values},
                      [=](const Bits* in, Bits* out) {
                        out[0] = relation.holds(source.order(in[0], in[1])) ? to.truth : 0;
                      },
                      {}});
      if (&to != &destinations.front() && relation.name != std::string("lt")) continue;
      const std::string combination = kCombinations[1 + relation.name[0] % 3];
      rows.push_back({name + combination + types + " %d, %a, %b, !%c;",
                      {to.bytes},
                      {source.values, source.values, predicates()},
                      [=](const Bits* in, Bits* out) {
                        out[0] =
                            combined(combination, relation.holds(source.order(in[0], in[1])), in[2] ^ 1) != 0
                                ? to.truth
                                : 0;
                      },
                      {},
                      false,
                      false});
    }
  }
}

/// Pairs: p from the low halves, q from the high ones.
void pairs(std::vector<Row>& rows, const Source& source) {
  Operand values{4, {}};
  for (std::size_t i = 0; i < source.values.values.size(); ++i) {
    values.values.push_back(source.values.values[i] << 16 |
                            source.values.values[(i * 5 + 2) % source.values.values.size()]);
  }
  const Bits one = source.name == "f16" ? 0x3c00 : 0x3f80;
  for (const Relation& relation : source.relations) {
    const auto halves = [=](const Bits* in) {
      return std::pair<Bits, Bits>{relation.holds(source.order(in[0] & 0xffff, in[1] & 0xffff)),
                                   relation.holds(source.order(in[0] >> 16, in[1] >> 16))};
    };
    const std::string ftz = source.flushes ? ".ftz" : "", type = "." + source.name + "x2";
    rows.push_back({std::string("setp.") + relation.name + ftz + type + " %d|%e, %a, %b;",
                    {kPredicate, kPredicate},
                    {values, values},
                    [=](const Bits* in, Bits* out) {
                      out[0] = halves(in).first;
                      out[1] = halves(in).second;
                    },
                    {}});
    rows.push_back({std::string("setp.") + relation.name + ".or" + ftz + type + " %d|%e, %a, %b, %c;",
                    {kPredicate, kPredicate},
                    {values, values, predicates()},
                    [=](const Bits* in, Bits* out) {
                      out[0] = halves(in).first | in[2];
                      out[1] = halves(in).second | in[2];
                    },
                    {},
                    false,
                    false});
    rows.push_back({std::string("set.") + relation.name + ftz + type + type + " %d, %a, %b;",
                    {4},
                    {values, values},
                    [=](const Bits* in, Bits* out) {
                      out[0] = halves(in).first * one | (halves(in).second * one) << 16;
                    },
                    {}});
  }
}

void selections(std::vector<Row>& rows) {
  for (const auto& [name, bytes] : {std::pair{"b16", 2},
                                    {"u16", 2},
                                    {"s16", 2},
                                    {"b32", 4},
                                    {"u32", 4},
                                    {"s32", 4},
                                    {"f32", 4},
                                    {"b64", 8},
                                    {"u64", 8},
                                    {"s64", 8},
                                    {"f64", 8}}) {
    rows.push_back({std::string("selp.") + name + " %d, %a, %b, %c;",
                    {bytes},
                    {integers(bytes, true), integers(bytes, true), predicates()},
                    [](const Bits* in, Bits* out) { out[0] = in[2] != 0 ? in[0] : in[1]; },
                    {},
                    false,
                    false});
    rows.push_back({std::string("slct.") + name + ".s32 %d, %a, %b, %c;",
                    {bytes},
                    {integers(bytes, true), integers(bytes, true), integers(4)},
                    [](const Bits* in, Bits* out) { out[0] = as_signed(in[2], 4) >= 0 ? in[0] : in[1]; },
                    {},
                    false,
                    false});
    for (const bool flushes : {false, true}) {  // -0 is not negative, NaN selects b
      rows.push_back({std::string("slct.") + (flushes ? "ftz." : "") + name + ".f32 %d, %a, %b, %c;",
                      {bytes},
                      {integers(bytes, true), integers(bytes, true), floats(kF32)},
                      [=](const Bits* in, Bits* out) {
                        const Bits c = flushes ? flush(kF32, in[2]) : in[2];
                        const bool negative = (c & 0x80000000) != 0 && c != 0x80000000;
                        out[0] = is_nan(kF32, c) || negative ? in[1] : in[0];
                      },
                      {},
                      false,
                      false});
    }
  }
}

}  // namespace

std::vector<Row> compare_rows() {
  std::vector<Row> rows;
  for (const Source& each : sources()) {
    predicates_of(rows, each);
    values_of(rows, each);
    if (each.name == "f16" || each.name == "bf16") pairs(rows, each);
  }
  selections(rows);
  return rows;
}

}  // namespace softgpu::isa_test
