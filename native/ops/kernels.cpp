// kernels.def turned into a table: parsing, text and operands by kernel.
#include "ops/kernels.h"

namespace lapidary {
namespace {

template <class Args>
KernelInfo describe(const char* name) {
  using Problem = typename Args::Problem;
  return {name,
          [](std::string_view text) -> std::shared_ptr<void> {
            const auto problem = std::make_shared<Problem>(parse_problem<Problem>(text));
            problem->check();
            return problem;
          },
          [](const void* problem) { return problem_text(*static_cast<const Problem*>(problem)); },
          [](const void* problem) { return Args::operands(*static_cast<const Problem*>(problem)); },
          [](const void* problem) -> double {
            if constexpr (requires(const Problem& typed) { Args::flops(typed); })  // of this direction
              return Args::flops(*static_cast<const Problem*>(problem));
            else if constexpr (requires(const Problem& typed) { typed.flops(); })
              return static_cast<const Problem*>(problem)->flops();
            else
              return 0;
          },
          sizeof(Problem)};
}

}  // namespace

const KernelInfo& kernel_info(KernelId id) {
  static const KernelInfo table[] = {
#define LAPIDARY_KERNEL(name, Args) describe<Args<float>>(#name),
#include "ops/kernels.def"
#undef LAPIDARY_KERNEL
  };
  return table[static_cast<int>(id)];
}

}  // namespace lapidary
