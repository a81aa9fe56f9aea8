// The boundary between C and C++: takes the lock, finds the context, turns exceptions into CUresults.
#pragma once

#include <mutex>
#include <type_traits>

#include "driver.h"

namespace softgpu {

/// The CUresult of the exception in flight; says on stderr what it means unless SOFTGPU_QUIET is set.
CUresult result_of_exception(const char* call) noexcept;

namespace entry_detail {

/// Restores what a call changes of its thread.
class Scope {
 public:
  Scope(const char* call, Driver& driver) : lock_(driver.mutex), before_(thread_state().call) {
    thread_state().call = call;
    thread_state().lock = &lock_;
  }
  ~Scope() {
    thread_state().call = before_;
    thread_state().lock = nullptr;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::unique_lock<std::mutex> lock_;
  const char* before_;
};

template <class Body, class... Arguments>
CUresult result_of(Body& body, Arguments&... arguments) {
  if constexpr (std::is_void_v<decltype(body(arguments...))>) {
    body(arguments...);
    return CUDA_SUCCESS;
  } else {
    return body(arguments...);
  }
}

}  // namespace entry_detail

/// body(Driver&): a call that works before cuInit.
template <class Body>
CUresult entry_before_init(const char* call, Body body) noexcept {
  try {
    if (thread_state().lock != nullptr)
      throw CallError(CUDA_ERROR_NOT_PERMITTED,
                      "functions the driver calls, those of a stream too, must not call the driver");
    Driver& driver = Driver::instance();
    entry_detail::Scope scope(call, driver);
    return entry_detail::result_of(body, driver);
  } catch (...) {
    return result_of_exception(call);
  }
}

/// body(Driver&): a call that needs cuInit but no context.
template <class Body>
CUresult entry_without_context(const char* call, Body body) noexcept {
  return entry_before_init(call, [&](Driver& driver) {
    if (!driver.device) throw CallError(CUDA_ERROR_NOT_INITIALIZED, "call cuInit(0) first");
    return entry_detail::result_of(body, driver);
  });
}

/// body(Driver&, std::shared_ptr<Context>&): a call that needs a current context no fault has killed.
template <class Body>
CUresult entry(const char* call, Body body) noexcept {
  return entry_without_context(call, [&](Driver& driver) {
    std::shared_ptr<Context> context = driver.current();
    return entry_detail::result_of(body, driver, context);
  });
}

}  // namespace softgpu
