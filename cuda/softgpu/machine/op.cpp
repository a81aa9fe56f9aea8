#include "op.h"

#include <cstddef>

namespace softgpu {

const char* name_of(Class klass) {
  static constexpr const char* kNames[kClasses] = {
      "move",         "integer", "f32",      "f64",     "f16",         "special",      "convert",
      "predicate",    "control", "barrier",  "shuffle", "global load", "global store", "shared load",
      "shared store", "local",   "constant", "atomic",  "async copy",  "matrix",       "other"};
  return kNames[static_cast<std::size_t>(klass)];
}

}  // namespace softgpu
