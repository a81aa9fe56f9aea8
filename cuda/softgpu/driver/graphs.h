// Graphs and captures, for the files that define their entry points.
#pragma once

#include <memory>
#include <vector>

#include "driver.h"

namespace softgpu {

std::shared_ptr<Graph> make_graph(Driver& driver, const std::shared_ptr<Context>& context);
/// A node that comes after `dependencies`, all of this graph.
GraphNode& add_node(Driver& driver, Graph& graph, const Operation& operation,
                    const std::vector<GraphNode*>& dependencies);

/// An event recorded in a capturing stream stands for the stream's last nodes.
void record_in_capture(Event& event, const Stream& stream);
/// A capturing stream, or one about to join the event's capture, waits for an event.
void wait_in_capture(Driver& driver, Stream& stream, const Event& event);
/// Throws 900 and invalidates the capture of a capturing stream; `what` the caller wanted to do with it.
void forbid_capturing(Driver& driver, const Stream& stream, const char* what);
/// The stream is destroyed: its capture cannot go on.
void leave_capture(Driver& driver, Stream& stream);

}  // namespace softgpu
