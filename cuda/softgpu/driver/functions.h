// Functions by handle, and launches from what a host passes.
#pragma once

#include <memory>

#include "driver.h"

namespace softgpu {

/// The kernel of a CUfunction or of a CUkernel passed as one. Throws CallError 400.
std::shared_ptr<FunctionObject> find_function(const Driver& driver, CUfunction handle);
std::shared_ptr<KernelObject> find_kernel(const Driver& driver, CUkernel handle);

/// A launch with its parameters copied, from an array of pointers or from a packed buffer. Throws
/// CallError 1.
KernelOperation make_launch(const std::shared_ptr<FunctionObject>& function, const Dim3& grid,
                            const Dim3& block, std::uint32_t dynamic_shared, bool cooperative,
                            void** parameters, void** extra);

int function_attribute(const Driver& driver, const FunctionObject& function, CUfunction_attribute attribute);
void set_function_attribute(const Driver& driver, FunctionObject& function, CUfunction_attribute attribute,
                            int value);
void parameter_info(const FunctionObject& function, std::size_t index, std::size_t* offset,
                    std::size_t* bytes);

}  // namespace softgpu
