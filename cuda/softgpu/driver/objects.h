// What handles stand for: contexts, modules, streams, events, graphs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../machine/program.h"
#include "cuda_api.h"
#include "handles.h"
#include "operation.h"
#include "work_order.h"

namespace softgpu {

struct Stream;

struct Context {
  static constexpr HandleKind kKind = HandleKind::context;
  using Handle = CUcontext;
  CUcontext handle = nullptr;
  bool primary = false;
  bool alive = true;  ///< a primary context comes back to life when it is retained again
  unsigned flags = 0;
  unsigned retained = 0;  ///< primary
  int sticky = 0;         ///< CUresult of the fault that killed it
  CUfunc_cache cache = CU_FUNC_CACHE_PREFER_NONE;
  std::map<CUlimit, std::size_t> limits;
  std::shared_ptr<Stream> legacy;
  std::map<std::thread::id, std::shared_ptr<Stream>> per_thread;
  std::vector<Stream*> streams;  ///< all that live, the default streams too
  std::set<DeviceAddress> allocations;
  std::map<DeviceAddress, std::weak_ptr<GraphMemory>> graph_memory;
  Past of_destroyed_streams;
};

/// A loaded image; a library is one too.
struct ModuleObject {
  static constexpr HandleKind kKind = HandleKind::module;
  using Handle = CUmodule;
  CUmodule handle = nullptr;
  std::shared_ptr<Context> context;
  std::unique_ptr<Program> program;
  bool alive = true;
  std::map<std::string, CUfunction> functions;
};

/// A kernel of a module.
struct FunctionObject {
  static constexpr HandleKind kKind = HandleKind::function;
  using Handle = CUfunction;
  std::shared_ptr<ModuleObject> module;
  Kernel* kernel = nullptr;
  int carve_out = -1;
};

struct LibraryObject {
  static constexpr HandleKind kKind = HandleKind::library;
  using Handle = CUlibrary;
  std::shared_ptr<ModuleObject> module;
  std::map<std::string, CUkernel> kernels;
};

/// A kernel of a library, for every context.
struct KernelObject {
  static constexpr HandleKind kKind = HandleKind::kernel;
  using Handle = CUkernel;
  CUlibrary library = nullptr;
  std::shared_ptr<FunctionObject> function;
};

struct Graph;

struct GraphNode {
  static constexpr HandleKind kKind = HandleKind::graph_node;
  using Handle = CUgraphNode;
  CUgraphNode handle = nullptr;
  Graph* graph = nullptr;
  Operation operation;
  std::vector<GraphNode*> dependencies;
};

struct Graph {
  static constexpr HandleKind kKind = HandleKind::graph;
  using Handle = CUgraph;
  CUgraph handle = nullptr;
  std::shared_ptr<Context> context;
  std::vector<std::shared_ptr<GraphNode>> nodes;  ///< in the order they were added
};

/// A graph with its parameters frozen.
struct GraphExec {
  static constexpr HandleKind kKind = HandleKind::graph_exec;
  using Handle = CUgraphExec;
  struct Node {
    CUgraphNode origin = nullptr;
    Operation operation;
    std::vector<std::size_t> dependencies;
  };
  std::shared_ptr<Context> context;
  std::vector<Node> nodes;  ///< in the graph's order
  bool auto_free = false;   ///< what is still allocated at a launch is freed first
};

/// A capture in progress: streams that have joined it append to its graph instead of running.
struct Capture {
  std::shared_ptr<Graph> graph;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  std::uint64_t id = 0;
  Stream* origin = nullptr;
  std::vector<Stream*> streams;
  bool invalidated = false;
};

struct Stream {
  static constexpr HandleKind kKind = HandleKind::stream;
  using Handle = CUstream;
  CUstream handle = nullptr;
  std::shared_ptr<Context> context;
  unsigned flags = 0;
  int priority = 0;
  std::uint64_t id = 0;
  bool legacy = false;
  bool blocking() const { return (flags & CU_STREAM_NON_BLOCKING) == 0; }
  Past past;
  bool asked = false;  ///< whether the host has asked since work was added (query)
  std::shared_ptr<Capture> capture;
  std::vector<GraphNode*> tails;          ///< nodes the next one depends on
  std::vector<CUgraphNode> tail_handles;  ///< what cuStreamGetCaptureInfo points to
};

struct Event {
  static constexpr HandleKind kKind = HandleKind::event;
  using Handle = CUevent;
  std::shared_ptr<Context> context;
  unsigned flags = 0;
  bool recorded = false;
  bool asked = false;
  Past past;
  std::weak_ptr<Capture> capture;  ///< of the stream it was last recorded in
  bool captured = false;
  std::vector<GraphNode*> tails;
};

struct Pool {
  static constexpr HandleKind kKind = HandleKind::pool;
  using Handle = CUmemoryPool;
  std::map<CUmemPool_attribute, std::uint64_t> attributes;
};

}  // namespace softgpu
