#include "syntax.h"

#include <array>

namespace softgpu::ptx {

namespace {

struct TypeRow {
  Type type;
  std::string_view name;
  std::uint32_t bytes;
};

constexpr std::array<TypeRow, 22> kTypes = {{
    {Type::none, "", 0},       {Type::pred, "pred", 1}, {Type::b8, "b8", 1},         {Type::b16, "b16", 2},
    {Type::b32, "b32", 4},     {Type::b64, "b64", 8},   {Type::b128, "b128", 16},    {Type::u8, "u8", 1},
    {Type::u16, "u16", 2},     {Type::u32, "u32", 4},   {Type::u64, "u64", 8},       {Type::s8, "s8", 1},
    {Type::s16, "s16", 2},     {Type::s32, "s32", 4},   {Type::s64, "s64", 8},       {Type::f16, "f16", 2},
    {Type::f16x2, "f16x2", 4}, {Type::bf16, "bf16", 2}, {Type::bf16x2, "bf16x2", 4}, {Type::tf32, "tf32", 4},
    {Type::f32, "f32", 4},     {Type::f64, "f64", 8},
}};

constexpr bool in_order_of_the_enumeration() {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (static_cast<std::size_t>(kTypes[i].type) != i) return false;
  return true;
}
static_assert(in_order_of_the_enumeration());

const TypeRow& row(Type type) { return kTypes[static_cast<std::size_t>(type)]; }

}  // namespace

std::uint32_t bytes_of(Type type) { return row(type).bytes; }

std::string_view name_of(Type type) { return row(type).name; }

Type type_named(std::string_view modifier) {
  for (const TypeRow& candidate : kTypes)
    if (candidate.name == modifier) return candidate.type;
  return Type::none;
}

}  // namespace softgpu::ptx
