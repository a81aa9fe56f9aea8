// Images built byte by byte: which PTX is taken, and why the others are refused.
//   g++ -std=c++20 -O1 -o image_test image_test.cpp image.cpp fatbin.cpp && ./image_test
#include "image.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "fatbin.h"

namespace {

using namespace softgpu;

int passed = 0, failed = 0;

void check(bool ok, const char* what, int line) {
  ++(ok ? passed : failed);
  if (!ok) std::printf("image_test.cpp:%d: %s\n", line, what);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
  if (bytes.size() < at + sizeof value) bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

std::string entry(int kind, std::uint32_t architecture, std::string data, bool compressed = false) {
  data.resize((data.size() + 8) / 8 * 8);  // padded with at least one NUL
  std::string bytes(0x50, '\0');
  put<std::uint16_t>(bytes, 0, static_cast<std::uint16_t>(kind));
  put<std::uint16_t>(bytes, 2, 0x101);
  put<std::uint32_t>(bytes, 4, 0x50);
  put<std::uint64_t>(bytes, 8, data.size());
  put<std::uint32_t>(bytes, 16, compressed ? static_cast<std::uint32_t>(data.size()) : 0);
  put<std::uint32_t>(bytes, 28, architecture);
  put<std::uint64_t>(bytes, 40, compressed ? 0x8011 : 0x11);
  return bytes + data;
}

std::string fatbin(const std::vector<std::string>& entries) {
  std::string all;
  for (const std::string& each : entries) all += each;
  std::string bytes(16, '\0');
  put<std::uint32_t>(bytes, 0, kFatbinMagic);
  put<std::uint16_t>(bytes, 4, 1);
  put<std::uint16_t>(bytes, 6, 16);
  put<std::uint64_t>(bytes, 8, all.size());
  return bytes + all;
}

/// "200: message" of the ImageError, or the PTX.
std::string result(const void* image, std::uint32_t architecture = 80) {
  try {
    return ptx_of(image, architecture);
  } catch (const ImageError& error) {
    return std::to_string(error.code) + ": " + error.what();
  }
}

bool refused(const std::string& image, int code, const char* reason) {
  const std::string got = result(image.data());
  return got.starts_with(std::to_string(code) + ":") && got.find(reason) != std::string::npos;
}

}  // namespace

int main() {
  CHECK(result(".version 9.0\n") == ".version 9.0\n");
  CHECK(result("\n// c\n.version") == "\n// c\n.version");
  CHECK(result("/* c */") == "/* c */");
  CHECK(refused("", 200, "neither"));
  CHECK(refused("P", 200, "neither"));
  CHECK(refused("int main()", 200, "neither"));
  CHECK(refused(std::string("\x7f") + "ELF", 209, "cubin"));
  CHECK(result(nullptr).starts_with("200:"));

  const std::string several = fatbin({entry(2, 80,
                                            "\x7f"
                                            "ELF"),
                                      entry(1, 75, ".75"), entry(1, 80, ".80"), entry(1, 90, ".90")});
  CHECK(result(several.data()) == ".80");
  CHECK(result(several.data(), 89) == ".80");
  CHECK(result(several.data(), 120) == ".90");
  CHECK(result(several.data(), 75) == ".75");
  CHECK(result(several.data(), 70).find("compute_75, compute_80, compute_90") != std::string::npos);
  CHECK(result(several.data(), 70).starts_with("209:"));
  const FatbinWrapper wrapper{kFatbinWrapperMagic, 1, several.data(), nullptr};
  CHECK(result(&wrapper) == ".80");
  const FatbinWrapper astray{kFatbinWrapperMagic, 1, ".version", nullptr};
  CHECK(result(&astray).starts_with("200:"));
  const FatbinWrapper empty{kFatbinWrapperMagic, 1, nullptr, nullptr};
  CHECK(result(&empty).starts_with("200:"));

  CHECK(refused(fatbin({entry(2, 80, "code")}), 209, "machine code only"));
  CHECK(refused(fatbin({entry(1, 80, "zzzz", true)}), 209, "--compress-mode=none"));
  CHECK(refused(fatbin({}), 209, "no PTX"));
  // A plain older one is taken before a compressed newer one.
  CHECK(result(fatbin({entry(1, 80, "zzzz", true), entry(1, 75, ".75")}).data()) == ".75");

  // Sizes that lie are refused before anything outside is read (the sanitizers watch).
  for (const std::uint64_t size :
       {std::uint64_t{1}, std::uint64_t{0x4f}, std::uint64_t{0x50}, std::uint64_t{0x57}}) {
    std::string cut = fatbin({entry(1, 80, ".80")});
    put<std::uint64_t>(cut, 8, size);
    cut.resize(16 + size);
    cut.shrink_to_fit();
    CHECK(refused(cut, 200, "fatbin entry 0"));
  }
  for (const std::uint64_t size : {std::uint64_t{1} << 40, ~std::uint64_t{0}, ~std::uint64_t{0} - 0x4f}) {
    std::string lying = fatbin({entry(1, 80, ".80")});
    put<std::uint64_t>(lying, 16 + 8, size);
    CHECK(refused(lying, 200, "beyond the end"));
  }
  std::string headless = fatbin({entry(1, 80, ".80")});
  put<std::uint32_t>(headless, 16 + 4, 0);
  CHECK(refused(headless, 200, "beyond the end"));
  put<std::uint16_t>(headless, 6, 0);
  CHECK(refused(headless, 200, "header of 0 bytes"));

  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
