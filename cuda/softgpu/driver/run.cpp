// Runs operations: in streams, and node by node in graphs.
#include <cstdlib>
#include <cstring>
#include <utility>

#include "driver.h"
#include "limits.h"
#include "model.h"
#include "range_checks.h"

namespace softgpu {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang-tidy's compiler does not deduce it yet

template <class F>
void for_each_device_row(const CopyOperation& copy, const CopySide& side, F f) {
  if (side.device)
    for_each_row(copy, side, [&](std::uint64_t, std::uint64_t offset) { f(side.address + offset); });
}

/// A copy's device memory must be there when it runs: in a graph it may have been freed since.
void check_ranges(Driver& driver, const CopyOperation& copy) {
  for_each_device_row(copy, copy.from,
                      [&](DeviceAddress row) { check_range(driver, row, copy.width, "the source"); });
  for_each_device_row(copy, copy.to,
                      [&](DeviceAddress row) { check_range(driver, row, copy.width, "the destination"); });
}

void check_ranges(Driver& driver, const FillOperation& fill) {
  for (std::uint64_t y = 0; y < fill.height; ++y)
    check_range(driver, fill.to + y * fill.pitch, fill.width * fill.element_bytes, "the destination");
}

void to_host(Driver& driver, const CopyOperation& copy, const Work& work,
             const std::shared_ptr<Context>& context, bool page_locked) {
  const DeviceMemory& memory = driver.device->memory;
  for_each_device_row(copy, copy.from,
                      [&](DeviceAddress row) { check_written(driver, *context, work, row, copy.width); });
  driver.in_flight.settle_overlap(driver, work.before, copy.to, copy);
  if (!page_locked || driver.draw(2) == 1) {
    for_each_row(copy, copy.to,
                 [&, z = std::uint64_t{0}](std::uint64_t packed, std::uint64_t offset) mutable {
                   z = packed / copy.width;
                   const std::uint64_t from = copy.from.offset(z % copy.height, z / copy.height);
                   memory.read(copy.to.host() + offset, copy.from.address + from, copy.width);
                 });
    return;
  }
  std::vector<std::byte> landing(copy.bytes());
  for_each_row(copy, copy.from, [&](std::uint64_t packed, std::uint64_t offset) {
    memory.read(landing.data() + packed, copy.from.address + offset, copy.width);
  });
  driver.in_flight.land_later(copy, work, context, std::move(landing));
}

double run_copy(Driver& driver, const CopyOperation& copy, const Work& work,
                const std::shared_ptr<Context>& context) {
  DeviceMemory& memory = driver.device->memory;
  const CopySide& host = copy.to.device ? copy.from : copy.to;
  const bool page_locked =
      !host.device && driver.host_memory.find(host.host(), extent(copy, host)).has_value();
  for_each_device_row(copy, copy.from, [&](DeviceAddress row) {
    touch(driver, *context, work, row, copy.width, Access::read);
  });
  for_each_device_row(copy, copy.to, [&](DeviceAddress row) {
    touch(driver, *context, work, row, copy.width, Access::write);
  });
  if (!copy.from.device) driver.in_flight.settle_overlap(driver, work.before, copy.from, copy);
  if (copy.from.device && !copy.to.device) {
    to_host(driver, copy, work, context, page_locked);
  } else {
    for (std::uint64_t z = 0; z < copy.depth; ++z) {
      for (std::uint64_t y = 0; y < copy.height; ++y) {
        const std::uint64_t to = copy.to.address + copy.to.offset(y, z);
        const std::uint64_t from = copy.from.address + copy.from.offset(y, z);
        if (copy.to.device && copy.from.device) {
          memory.copy(to, from, copy.width);
        } else if (copy.to.device) {
          memory.write(to, reinterpret_cast<const void*>(from), copy.width);
        } else {
          std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), copy.width);
        }
      }
    }
    if (page_locked && copy.to.device) driver.in_flight.watch_source(copy, work, context);
  }
  return copy_nanoseconds(driver.device->architecture, copy, page_locked);
}

double run_fill(Driver& driver, const FillOperation& fill, const Work& work, Context& context) {
  for (std::uint64_t y = 0; y < fill.height; ++y) {
    const DeviceAddress row = fill.to + y * fill.pitch;
    touch(driver, context, work, row, fill.width * fill.element_bytes, Access::write);
    driver.device->memory.fill(row, fill.value, fill.element_bytes, fill.width);
  }
  return fill_nanoseconds(driver.device->architecture, fill);
}

double run_kernel(Driver& driver, const KernelOperation& operation, const Work& work, Context& context) {
  Launch launch = operation.launch;
  launch.node = work.node;
  launch.ordered_before = work.before.nodes;
  const std::string& name = launch.kernel->name();
  const KernelCounters before = driver.device->counters.of(name);
  const int code = execute(*driver.device, launch);
  if (is_sticky(code)) {
    context.sticky = code;
  } else if (code != 0) {
    throw CallError(code);
  }
  const std::uint64_t blocks = std::uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  return kernel_nanoseconds(driver.device->architecture, driver.device->counters.of(name).minus(before),
                            blocks);
}

/// The host function of a stream; the driver's lock is not held meanwhile.
void run_host(Driver& driver, const HostOperation& operation, const Work& work) {
  driver.in_flight.settle(driver, work.before);
  std::unique_lock<std::mutex>& lock = *thread_state().lock;
  lock.unlock();
  operation.function(operation.data);
  lock.lock();
}

/// Life of a graph's memory begins or ends: both must be ordered with every use.
double run_lifetime(Driver& driver, GraphMemory& memory, const Work& work, Context& context, bool begins) {
  touch(driver, context, work, memory.address(), memory.bytes(), Access::write);
  memory.renew(begins);
  return 0;
}

}  // namespace

std::string name_of(const Operation& operation) {
  return std::visit(
      Overloaded{
          [](const EmptyOperation&) { return std::string("empty node"); },
          [](const KernelOperation& kernel) { return "kernel " + kernel.launch.kernel->name(); },
          [](const CopyOperation& copy) {
            return "the copy of " + std::to_string(copy.bytes()) + " bytes " +
                   (copy.from.device ? copy.to.device ? "inside the device" : "to the host"
                    : copy.to.device ? "to the device"
                                     : "inside the host");
          },
          [](const FillOperation& fill) {
            return "the memset of " + std::to_string(fill.width * fill.height * fill.element_bytes) +
                   " bytes";
          },
          [](const HostOperation&) { return std::string("host function"); },
          [](const AllocationOperation&) { return std::string("the allocation"); },
          [](const FreeOperation&) { return std::string("the free"); },
      },
      operation);
}

void check_operation(Driver& driver, const Operation& operation) {
  std::visit(Overloaded{
                 [](const EmptyOperation&) {},
                 [](const AllocationOperation&) {},
                 [](const FreeOperation&) {},
                 [](const HostOperation& host) {
                   require(host.function != nullptr, "expected a host function, got NULL");
                 },
                 [&](const KernelOperation& kernel) {
                   if (!kernel.function->module->alive)
                     throw CallError(CUDA_ERROR_INVALID_HANDLE,
                                     "the module of a graph's kernel has been unloaded");
                   check_limits(driver, kernel.launch);
                 },
                 [&](const auto& transfer) { check_ranges(driver, transfer); },
             },
             operation);
}

Work Driver::begin(const std::string& what) {
  Work work = order.next(what, [&] {
    in_flight.settle_all(*this);
    device->memory.forget_records();
  });
  device->work.set(work.node, work.name);
  return work;
}

double Driver::run(const Operation& operation, const Work& work, const std::shared_ptr<Context>& context) {
  return std::visit(
      Overloaded{
          [](const EmptyOperation&) { return 0.0; },
          [&](const KernelOperation& kernel) { return run_kernel(*this, kernel, work, *context); },
          [&](const CopyOperation& copy) { return run_copy(*this, copy, work, context); },
          [&](const FillOperation& fill) { return run_fill(*this, fill, work, *context); },
          [&](const HostOperation& host) {
            run_host(*this, host, work);
            return 0.0;
          },
          [&](const AllocationOperation& allocation) {
            return run_lifetime(*this, *allocation.memory, work, *context, true);
          },
          [&](const FreeOperation& free) { return run_lifetime(*this, *free.memory, work, *context, false); },
      },
      operation);
}

void Driver::submit(const std::shared_ptr<Stream>& stream, const Operation& operation) {
  forbid_implicit_dependency(*stream);
  check_operation(*this, operation);
  if (stream->capture != nullptr) {
    capture_operation(*stream, operation);
    return;
  }
  Work work = begin(name_of(operation));
  order.join(work.before, past_of(*stream));
  Past after = work.before;
  after.nanoseconds += run(operation, work, stream->context);
  after.nodes.insert(work.node);
  order.join(stream->past, after);
  stream->asked = false;
}

void Driver::end_use(Stream& stream, DeviceAddress allocation) {
  Work work = begin("the free");
  order.join(work.before, past_of(stream));
  touch(*this, *stream.context, work, allocation, device->memory.find(allocation, 0)->bytes, Access::write);
  Past after = work.before;
  after.nodes.insert(work.node);
  order.join(stream.past, after);
}

void Driver::launch_graph(const std::shared_ptr<Stream>& stream, const GraphExec& exec) {
  forbid_implicit_dependency(*stream);
  for (const GraphExec::Node& node : exec.nodes) {
    check_operation(*this, node.operation);
    const auto* allocation = std::get_if<AllocationOperation>(&node.operation);
    if (allocation != nullptr && allocation->memory->live() && !exec.auto_free)
      throw CallError(
          CUDA_ERROR_INVALID_VALUE,
          "the graph's last launch has left memory allocated: free it, or instantiate with flag 1 "
          "(CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH)");
  }
  const std::shared_ptr<Context> context = stream->context;
  const std::vector<GraphExec::Node> nodes = exec.nodes;  // a host function may outlive the graph's handle
  std::vector<Past> pasts(nodes.size());
  std::vector<std::size_t> waits(nodes.size());
  std::vector<std::vector<std::size_t>> dependents(nodes.size());
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    waits[i] = nodes[i].dependencies.size();
    for (const std::size_t dependency : nodes[i].dependencies) dependents[dependency].push_back(i);
    if (waits[i] == 0) ready.push_back(i);
  }
  Past end = past_of(*stream);
  const Past start = end;
  while (!ready.empty() && context->sticky == 0) {
    // Any order the edges allow is legal; the seed chooses one.
    const auto chosen = ready.begin() + draw(static_cast<std::uint32_t>(ready.size()));
    const std::size_t index = *chosen;
    ready.erase(chosen);
    Work work = begin(name_of(nodes[index].operation) + " of a graph");
    order.join(work.before, start);
    for (const std::size_t dependency : nodes[index].dependencies) order.join(work.before, pasts[dependency]);
    pasts[index] = work.before;
    pasts[index].nanoseconds += run(nodes[index].operation, work, context);
    pasts[index].nodes.insert(work.node);
    order.join(end, pasts[index]);
    for (const std::size_t dependent : dependents[index]) {
      if (--waits[dependent] == 0) ready.push_back(dependent);
    }
  }
  order.join(stream->past, end);
  stream->asked = false;
}

}  // namespace softgpu
