// The parser on PTX snippets: what becomes of every form that compilers emit, and what malformed text is
// told.
//   g++ -std=c++20 -O1 -o parser_test *.cpp && ./parser_test
#include "parser.h"

#include <bit>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

using namespace softgpu::ptx;
using Kind = Operand::Kind;

int passed = 0, failed = 0;

void check(bool ok, const char* what, int line) {
  ++(ok ? passed : failed);
  if (!ok) std::printf("parser_test.cpp:%d: %s\n", line, what);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

const std::string kHeader = ".version 9.0\n.target sm_80\n.address_size 64\n";

Module module_of(const std::string& text) { return parse(kHeader + text); }

/// A kernel with predicates and registers of each width around `body`.
Function body_of(const std::string& body) {
  return module_of(
             ".entry k(.param .u64 p, .param .align 8 .b8 s[384]) {\n"
             ".reg .pred %p<9>; .reg .b16 %rs<9>; .reg .b32 %r<19>; .reg .f32 %f<9>; .reg .b64 %rd<9>;\n" +
             body + "\n}")
      .functions.at(0);
}

const Operand& operand(const Function& function, std::size_t instruction, std::size_t index) {
  return function.body.at(instruction).operands.at(index);
}

std::string register_name(const Function& function, const Operand& operand) {
  return operand.kind == Kind::reg ? function.registers.at(operand.index).name : "no register";
}

/// "line:column: message" of the SyntaxError, or "" if the text parses.
std::string error_of(const std::string& text) {
  try {
    parse(text);
    return "";
  } catch (const SyntaxError& error) {
    return std::to_string(error.line) + ":" + std::to_string(error.column) + ": " + error.what();
  }
}

bool rejected(const std::string& text, const char* reason) {
  const std::string error = error_of(kHeader + text);
  if (error.find(reason) != std::string::npos) return true;
  std::printf("  expected \"%s\", got \"%s\"\n", reason, error.c_str());
  return false;
}

void modules() {
  const Module module = parse(
      "// comment\n.version 8.7 /* two\nlines */ .target sm_90a, debug\n.address_size 64\n.pragma \"x\";\n"
      ".file 2 \"/a b.cu\", 17, 4\n");
  CHECK(module.version_major == 8 && module.version_minor == 7);
  CHECK(module.target == "sm_90a" && module.architecture == 90);
  CHECK(module.files.size() == 3 && module.files[2] == "/a b.cu");
  CHECK(parse(".version 9.0 .target sm_120").architecture == 120);
  bool unsupported = false;
  try {
    parse(".version 10.0\n.target sm_80");
  } catch (const UnsupportedVersion& error) {
    unsupported = error.line == 1 && error.column == 10;
  }
  CHECK(unsupported);
  CHECK(error_of("").starts_with("1:1:"));
  CHECK(error_of(".target sm_80").starts_with("1:1:"));
  CHECK(error_of(".version 9.0\n  .entry").starts_with("2:3:"));
  CHECK(!error_of(".version 9\n.target sm_80").empty());
  CHECK(!error_of(".version 9.0\n.target gfx90").empty());
  CHECK(rejected(".address_size 32", "64"));
  CHECK(rejected(".global .texref t;", "texture references"));
}

void variables() {
  const Module module = module_of(R"(
.extern .shared .align 16 .b8 smem[];
.extern .func (.param .b32 r) f (.param .b32 a);
.visible .global .align 4 .b8 $str[7] = {104, 105, 32};
.weak .global .u32 one = 0X1FU;
.common .global .s64 zeros;
.const .f64 table[2][3] = {{0d3FF0000000000000, 2}, {-1.5}};
.const .f32 single = -0f3F800000;
.global .u64 ps[4] = {generic($str)+4, 7, $str+1, f};
.global .b8 bytes[4] = {0xFF($str), 0xFF00(generic($str)+12), 2, 3};
.global .v4 .f32 quad[2] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
.global .u16 derived[] = {1, 2, 3}, second = 1 << 3 | 1;
.global .attribute(.managed) .align 4 .u32 mm = 5;
.global .b16 cut = -1;
)");
  const auto& v = module.variables;
  CHECK(v[0].external && v[0].count == 0 && v[0].alignment() == 16 && v[0].space == Space::shared);
  CHECK(v[1].name == "$str" && v[1].bytes() == 7 && v[1].initial.size() == 3 && v[1].initial[2].bits == 32);
  CHECK(v[2].initial[0].bits == 31 && v[3].initial.empty() && v[3].bytes() == 8);
  CHECK(v[4].space == Space::constant && v[4].bytes() == 48 && v[4].initial.size() == 6);
  CHECK(v[4].initial[1].bits == std::bit_cast<std::uint64_t>(2.0) && v[4].initial[2].bits == 0);
  CHECK(v[4].initial[3].bits == std::bit_cast<std::uint64_t>(-1.5));
  CHECK(v[5].initial[0].bits == 0xbf800000u);
  CHECK(v[6].initial[0].symbol == "$str" && v[6].initial[0].generic && v[6].initial[0].bits == 4);
  CHECK(v[6].initial[1].symbol.empty() && v[6].initial[1].bits == 7 && v[6].initial[1].bytes == 8);
  CHECK(!v[6].initial[2].generic && v[6].initial[2].bits == 1 && v[6].initial[3].symbol == "f");
  CHECK(v[7].initial[0].mask == 0xff && v[7].initial[0].bytes == 1);
  CHECK(v[7].initial[1].mask == 0xff00 && v[7].initial[1].generic && v[7].initial[1].bits == 12);
  CHECK(v[8].vector == 4 && v[8].count == 2 && v[8].bytes() == 32 && v[8].initial.size() == 8);
  CHECK(v[9].count == 3 && v[10].name == "second" && v[10].initial[0].bits == 9);
  CHECK(v[11].managed && v[12].initial[0].bits == 0xffff);

  const Module merged = module_of(".extern .global .b32 g; .visible .global .b32 g = 4;");
  CHECK(merged.variables.size() == 1 && !merged.variables[0].external &&
        merged.variables[0].initial.size() == 1);
  CHECK(rejected(".global .b32 a; .global .b32 a;", "already declared"));
  CHECK(rejected(".global .b32 a[2] = {1,2,3};", "more initialisers"));
  CHECK(rejected(".global .u64 a = nowhere;", "not declared"));
  CHECK(rejected(".global .b32 a[];", "without a size"));
  CHECK(rejected(".global .align 3 .b32 a;", "power of two"));
  CHECK(rejected(".global .b32 a[99999999999][99999999999];", "2^40"));
  CHECK(rejected(".global .b32 a = 1/0;", "division by zero"));
  CHECK(rejected(".global .pred a;", "memory"));
  CHECK(rejected(".shared .b32 a = 1;", "no initialiser"));
}

void constants() {
  const auto value = [](const std::string& expression) {
    return module_of(".global .u64 x = " + expression + ";").variables[0].initial[0].bits;
  };
  CHECK(value("(1+2)*3-10 % 4") == 7);
  CHECK(value("-8/3") == static_cast<std::uint64_t>(-2) && value("-8>>1") == static_cast<std::uint64_t>(-4));
  CHECK(value("~0") == ~std::uint64_t{0} && value("!5") == 0 && value("0b101") == 5 && value("017") == 15);
  CHECK(value("1<2?4:5") == 4 && value("-1 < 1U") == 0 && value("(.s64)-1 < 1") == 1);
  CHECK(value("(.u64)-1 > 0 && 3 == 3 || 0") == 1 && value("6&3|8^1") == 11 && value("1<<64") == 0);
  CHECK(value("(.s64)0x8000000000000000/-1") == std::uint64_t{1} << 63);
  CHECK(rejected(".global .u64 x = 1+2.5;", "float literal"));
  CHECK(rejected(".global .u64 x = 99999999999999999999;", "64 bits"));
  CHECK(rejected(".global .u64 x = 0f12;", "8 hexadecimal"));
  CHECK(rejected(".global .u64 x = 12ab;", "no number"));
  CHECK(rejected(".global .u64 x = " + std::string(100000, '(') + ";", "nested"));
  CHECK(rejected(".global .u64 x = " + std::string(100000, '-') + "1;", "nested"));
}

void operands() {
  const Function f = body_of(R"(
ld.global.nc.L2::128B.v4.f32 {%f1, %f2,%f3,_}, [%rd1+16];
st.shared.u32 [ %r13 + -4 ], -1;
ld.param.b64 %rd2, [s+192];
mov.b64 %rd3, s;
mov.b32 %r1, {0, %rs2};
mov.u32 %r2, %tid.x;
mov.u32 %r3, %lanemask_lt;
setp.lt.and.f32 %p1|%p2, %f1, 0fBF800000, !%p3;
shfl.sync.down.b32 %r4|%p1, %r3, 3, 31, -1;
@!%p1 mov.b32 %r5, WARP_SZ;
mov.f64 %rd4, 0d3FF0000000000000;
mov.f32 %f4, 1.5e1;
ld.u32 %r6, [0X100];
tex.2d.v4.f32.f32 {%f1,%f2,%f3,%f4}, [%rd1, {%f5,%f6}];
vadd.s32.u32.s32 %r1, %r2.b0, %r3.h1, %r4;
add.u32 %r1, %r2, 4+3*2;
mov.b64 {%r1, %r2}, %rd1; membar.gl;
ld.param.u64 %rd1, [p];)");
  CHECK(f.body[0].opcode == "ld" && f.body[0].modifiers.size() == 5 && f.body[0].modifiers[2] == "L2::128B");
  CHECK(operand(f, 0, 0).kind == Kind::vector && operand(f, 0, 0).elements.size() == 4);
  CHECK(operand(f, 0, 0).elements[3].kind == Kind::sink);
  CHECK(operand(f, 0, 1).kind == Kind::memory && operand(f, 0, 1).offset == 16);
  CHECK(register_name(f, operand(f, 0, 1).elements[0]) == "%rd1");
  CHECK(operand(f, 1, 0).offset == -4 && register_name(f, operand(f, 1, 0).elements[0]) == "%r13");
  CHECK(operand(f, 1, 1).kind == Kind::integer && operand(f, 1, 1).bits == ~std::uint64_t{0});
  CHECK(operand(f, 2, 1).elements[0].kind == Kind::parameter && operand(f, 2, 1).elements[0].index == 1);
  CHECK(operand(f, 2, 1).offset == 192 && operand(f, 2, 1).elements[0].offset == 0);
  CHECK(operand(f, 3, 1).kind == Kind::parameter && !operand(f, 3, 1).returned);
  CHECK(operand(f, 4, 1).elements[0].kind == Kind::integer);
  CHECK(operand(f, 5, 1).kind == Kind::special && operand(f, 5, 1).name == "%tid.x");
  CHECK(operand(f, 6, 1).name == "%lanemask_lt");
  CHECK(operand(f, 7, 0).kind == Kind::pair && register_name(f, operand(f, 7, 0).elements[1]) == "%p2");
  CHECK(operand(f, 7, 2).kind == Kind::float32 && operand(f, 7, 2).bits == 0xbf800000u);
  CHECK(operand(f, 7, 3).negated && operand(f, 8, 0).kind == Kind::pair);
  CHECK(f.body[9].guard && f.body[9].guard->negated && f.registers[f.body[9].guard->predicate].name == "%p1");
  CHECK(operand(f, 9, 1).bits == 32);
  CHECK(operand(f, 10, 1).kind == Kind::float64 && operand(f, 10, 1).bits == 0x3ff0000000000000u);
  CHECK(operand(f, 11, 1).bits == std::bit_cast<std::uint64_t>(15.0));
  CHECK(operand(f, 12, 1).elements[0].bits == 0x100);
  CHECK(operand(f, 13, 1).elements.size() == 2 && operand(f, 13, 1).elements[1].kind == Kind::vector);
  CHECK(operand(f, 14, 1).kind == Kind::selected && operand(f, 14, 1).name == "b0");
  CHECK(operand(f, 15, 2).bits == 10 && f.body[17].opcode == "membar");
  CHECK(f.body[0].position.line == 7 && f.body[17].position.line == f.body[16].position.line);
  CHECK(f.registers.size() < 40);  // of 64 declared

  const Function old = body_of(
      ".reg .v4 .f32 a; .reg .b32 x; mov.f32 %f1, a.w; mov.v4.f32 a, {%f1,%f1,%f1,%f1};"
      "add.s32 x, -x, 1;");
  CHECK(register_name(old, operand(old, 0, 1)) == "a.w" && operand(old, 1, 0).elements.size() == 4);
  CHECK(operand(old, 1, 0).elements[3].index == operand(old, 0, 1).index && operand(old, 2, 1).negated);
}

void scopes() {
  const Function f = body_of(R"(
.reg .b32 t; mov.b32 t, 1;
{ .reg .b32 t; .reg .b32 %r<3>; mov.b32 t, %r1; { mov.b32 %r1, t; bra L; } L: mov.b32 %r5, 0; bra L;}
{ bra L; L: .reg .f32 t; mov.f32 t, %f1; }
mov.b32 t, %r1; bra L; L:)");
  const std::uint32_t outer = operand(f, 0, 0).index, middle = operand(f, 1, 0).index;
  CHECK(outer != middle && operand(f, 2, 1).index == middle &&
        operand(f, 2, 0).index == operand(f, 1, 1).index);
  CHECK(operand(f, 3, 0).kind == Kind::label && operand(f, 3, 0).index == 4 && operand(f, 5, 0).index == 4);
  CHECK(operand(f, 6, 0).index == 7 && f.registers[operand(f, 7, 0).index].type == Type::f32);
  CHECK(operand(f, 8, 0).index == outer && operand(f, 8, 1).index != operand(f, 1, 1).index);
  CHECK(operand(f, 9, 0).index == f.body.size());

  const Function prefixes = body_of(".reg .b64 %r1<5>; mov.b64 %r12, 0; mov.b64 %r3, 1;");
  CHECK(register_name(prefixes, operand(prefixes, 0, 0)) == "%r12" &&
        prefixes.registers[0].type == Type::b64);
  CHECK(prefixes.registers[1].type == Type::b32);

  const std::string k = ".entry k() { .reg .b32 a; .reg .pred q; ";
  CHECK(rejected(k + "{ .reg .b32 b; } mov.b32 a, b; }", "'b' is not declared"));
  CHECK(rejected(k + ".reg .b32 %r<4>; mov.b32 a, %r4; }", "'%r4' is not declared"));
  CHECK(rejected(k + ".reg .b32 %r<14>; mov.b32 a, %r07; }", "not declared"));
  CHECK(rejected(k + ".reg .f32 a; }", "already declared"));
  CHECK(rejected(k + "L: L: ret; }", "already defined"));
  CHECK(rejected(k + "{ L: } bra L; }", "no label 'L'"));
  CHECK(rejected(k + "bra a; }", "no label"));
  CHECK(rejected(k + "@a ret; }", "no predicate"));
  CHECK(rejected(k + "mov.b32 a, %tid; mov.b32 a, %laneid.x; }", "%laneid.x"));
}

void calls() {
  const Module module = module_of(R"(
.extern .func  (.param .b32 func_retval0) vprintf
(
	.param .b64 vprintf_param_0,
	.param .b64 vprintf_param_1
)
;
.func (.param .b32 func_retval0) g(.param .b32 g_param_0);
.func (.reg .u32 out) in_registers(.reg .u32 in, .param .b64 x) { add.u32 out, in, 1; ret; }
.func (.param .b32 func_retval0) alias_of_g(.param .b32 x);
.global .align 8 .u64 tab[2] = {g, alias_of_g};
.visible .entry k(.param .u64 k_param_0)
.maxntid 256, 2
.minnctapersm 2 .maxnreg 64 .pragma "nounroll"; .reqnctapercluster 2,1,1
{
.reg .b32 %r<9>; .reg .b64 %rd<9>;
{ // callseq 0, 0
.param .b32 param0;
st.param.b32 	[param0+0], %r4;
.param .align 16 .b8 retval0[32];
call.uni (retval0),
g,
(
param0
);
ld.param.b32 	%r5, [retval0+4];
} // callseq 0
{ .param .b32 param0; st.param.b32 [param0], 7;
prototype_3 : .callprototype (.param .b32 _) _ (.param .b32 _, .param .align 8 .b8 _[24]) .noreturn;
call (_), %rd7, (param0, 5), prototype_3; call.uni vprintf, (%rd1);
mov.u64 %rd1, alias_of_g; mov.u64 %rd2, tab+8;
}
call bare;
ts: .branchtargets L1, L2, L1; brx.idx %r1, ts; L1: ret; L2: exit;
cts: .calltargets g, in_registers; call (%r1), %rd1, (%r2), cts;
}
.func (.param .b32 func_retval0) g(.param .b32 g_param_0) { .reg .b32 %r<2>; ld.param.b32 %r1, [g_param_0];
st.param.b32 [func_retval0+0], %r1; ret; }
.alias alias_of_g, g;
.visible .func bare() .noreturn { trap; })");
  CHECK(module.functions.size() == 5);
  const Function &printf = module.functions[0], &g = module.functions[1], &in = module.functions[2],
                 &k = module.functions[3];
  CHECK(printf.external && printf.parameters.size() == 2 && printf.returns.size() == 1 && !printf.entry);
  CHECK(!g.external && g.body.size() == 3 && operand(g, 1, 0).elements[0].returned);
  CHECK(in.parameters[0].space == Space::reg && in.parameters[0].reg == operand(in, 0, 1).index);
  CHECK(in.returns[0].reg == operand(in, 0, 0).index);
  CHECK(k.entry && k.max_threads[0] == 256 && k.max_threads[1] == 2 && k.max_threads[2] == 1);
  CHECK(k.min_blocks == 2 && k.max_registers == 64 && k.required_cluster[0] == 2 &&
        k.required_threads[0] == 0);
  CHECK(k.variables.size() == 3 && k.variables[1].bytes() == 32 && k.variables[2].name == "param0");
  CHECK(operand(k, 0, 0).elements[0].local && operand(k, 0, 0).elements[0].index == 0);
  CHECK(operand(k, 1, 0).kind == Kind::list && operand(k, 1, 1).kind == Kind::function);
  CHECK(operand(k, 1, 1).index == 1 && operand(k, 1, 2).elements[0].index == 0);
  CHECK(operand(k, 3, 0).elements[0].index == 2);
  CHECK(operand(k, 4, 0).elements[0].kind == Kind::sink && operand(k, 4, 1).kind == Kind::reg);
  CHECK(operand(k, 4, 2).elements[1].bits == 5 && operand(k, 4, 3).kind == Kind::prototype);
  CHECK(k.prototypes[0].parameters[1].bytes() == 24 && k.prototypes[0].returns.size() == 1);
  CHECK(operand(k, 6, 1).index == 1 && operand(k, 6, 1).name == "g");
  CHECK(operand(k, 7, 1).kind == Kind::variable && !operand(k, 7, 1).local && operand(k, 7, 1).offset == 8);
  CHECK(module.variables[0].initial[1].symbol == "g");
  CHECK(module.functions[operand(k, 8, 0).index].name == "bare");
  CHECK(k.branch_targets.at(0) == (std::vector<std::uint32_t>{10, 11, 10}));
  CHECK(operand(k, 9, 1).kind == Kind::branch_targets && operand(k, 12, 3).index == 1);
  CHECK(k.prototypes[1].parameters.size() == 1);
  CHECK(rejected(".func f() { ret; } .func f() { ret; }", "already defined"));
  CHECK(rejected(".entry k() { call f; }", "'f' is not declared"));
  CHECK(rejected(".extern .func f() { ret; }", "no body"));
  CHECK(rejected(".alias a, b;", "no function"));
}

void storage_in_bodies() {
  const Module module = module_of(R"(.global .b32 x;
.entry k() { .local .align 8 .b8 __local_depot7[32]; .shared .align 16 .b8 _ZZ1kE2As[8448]; .const .b32 x[2] = {1};
.reg .b64 %SP, %SPL; mov.u64 %SPL, __local_depot7; cvta.local.u64 %SP, %SPL; ld.const.b32 %SP, [x]; }
.entry l() { .reg .b32 r; ld.global.b32 r, [x]; })");
  const Function& k = module.functions[0];
  CHECK(k.variables.size() == 2 && k.variables[0].space == Space::local && k.variables[1].bytes() == 8448);
  CHECK(operand(k, 0, 1).local && operand(k, 0, 1).index == 0);
  CHECK(module.variables.size() == 2 && operand(k, 2, 1).elements[0].index == 1);
  CHECK(operand(module.functions[1], 0, 1).elements[0].index == 0);
}

void debug_information() {
  const Module module = module_of(
      ".entry k() { .reg .b32 r;\n.loc\t1 3 29\nmov.b32 r, 0;\n"
      ".loc 1 7 2, function_name $L__info_string0+4, inlined_at 1 5 1\nmov.b32 r, 1; $L__tmp1:\n.loc 9 1 "
      "1\nret; }\n"
      ".file 1 \"a.cu\"\n.section .debug_str\n{\n$L__info_string0:\n.b8 95,90\n.b64 .debug_abbrev+4 {} }\n"
      "@@DWARF .section x\n.section\t.debug_macinfo\t{\t}");
  const auto& body = module.functions[0].body;
  CHECK(body[0].position.file == 1 && body[0].position.source_line == 3 && body[0].position.line == 6);
  CHECK(body[1].position.source_line == 7 && body[2].position.file == 0 && body[2].position.source_line == 0);
  CHECK(rejected(".section .debug_str { .b8 1", "without its '}'"));
}

/// The habits of another compiler: no white space, untyped registers, structs by value, long names, DWARF.
void other_compilers() {
  const Module module = parse(
      ".version 7.4 .target sm_80,debug .address_size 64 .extern .shared .align 16 .b8 smem[];.visible "
      ".entry "
      "_ZN7somelib6detail12kernelINS_7FunctorILi128EfEEEEvT_PKNS_9ArgumentsE(.param .align 8 .b8 "
      "args[1032],.param "
      ".u64 .ptr .global .align 1 out).reqntid 128{.reg .pred %p<3>;.reg .b32 %r<5>;.reg .b64 %rd<4>;.loc 1 "
      "12 0 "
      "$L__func_begin0:.loc 1 13 22 ld.param.u64 %rd1,[args+1024];mov.u32 %r2,smem;add.f32 "
      "%r3,%r2,0f3F800000;"
      "setp.gt.f32 %p1,%r3,0f00000000;@%p1 st.global.b32[%rd1+-4],{%r3};@!%p1 bra $L__tmp0;$L__tmp0:ret;"
      "$L__func_end0:}.file 1 \"/x/y z.py\".section .debug_info{.b32 58 .b8 2,0 .b32 .debug_abbrev "
      "$L__tmp9:.b64 "
      "$L__func_begin0}");
  const Function& k = module.functions[0];
  CHECK(k.parameters[0].bytes() == 1032 && k.parameters[1].align == 0 && k.required_threads[0] == 128);
  CHECK(k.body.size() == 7 && operand(k, 4, 0).offset == -4 && operand(k, 5, 0).index == 6);
  CHECK(k.body[0].position.source_line == 13 && module.files[1] == "/x/y z.py");
}

/// Every prefix of a text with most constructs, and every text that lacks one of its characters.
void robustness() {
  const std::string text =
      kHeader + R"(.global .u64 ps[2] = {generic(ps)+4, 0xFF(ps)}; .const .f32 c[2][2] = {{1.5}, {2}};
.func (.param .b32 o) f(.param .b32 i) .noreturn;
.entry k(.param .u64 .ptr .align 8 a) .maxntid 1,2,3 { .reg .pred %p<3>; .reg .v2 .f32 v; .reg .b32 %r<4>; /* c */
{ .param .b32 q; call.uni (q), f, (q, 1); } @!%p1 ld.v2.b32 {%r1, _}, [a+-4]; L: setp.eq.b32 %p1|%p2, %r1, v.x;
x: .branchtargets L; y: .callprototype (.param .b32 _) _ (); brx.idx %r1, x; .loc 1 2 3, inlined_at 1 2 3
mov.b32 %r1, (1<<2)-3?4:5; .pragma "p"; }
.section .debug { .b8 1 } .file 1 "f")";
  CHECK(error_of(text).empty());
  std::size_t wrong_positions = 0;
  const auto try_text = [&](const std::string& edited) {
    try {
      parse(edited);
    } catch (const SyntaxError& error) {
      if (error.line == 0 || error.column == 0) ++wrong_positions;
    }
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    try_text(text.substr(0, i));
    for (std::string_view edit : {"", "{", "}", "(", "[", ";", ",", "-", "\"", "9", "\x80", "/*", "."}) {
      try_text(text.substr(0, i) + std::string(edit) + text.substr(i + 1));
    }
  }
  CHECK(wrong_positions == 0);
  CHECK(error_of(kHeader + ".entry k() {\n  mov.b32 x 5;\n}").starts_with("5:13:"));
  CHECK(error_of(kHeader + "  \x01").starts_with("4:3:"));
  CHECK(rejected("/* open", "*/"));
  CHECK(rejected(".file 1 \"open\n\"", "quote"));
  CHECK(rejected(".entry k() { " + std::string(50000, '{'), "without its '}'"));
  CHECK(rejected(".entry k() { .reg .b32 a; mov.b32 a; a a", "',' or ';'"));
}

}  // namespace

int main() {
  modules();
  variables();
  constants();
  operands();
  scopes();
  calls();
  storage_in_bodies();
  debug_information();
  other_compilers();
  robustness();
  CHECK(type_named("bf16x2") == Type::bf16x2 && bytes_of(Type::b128) == 16 && name_of(Type::tf32) == "tf32");
  CHECK(type_named("v4") == Type::none);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
