// Graphs: nodes added one by one or by capture, instantiated, updated, launched.
#include <algorithm>
#include <unordered_map>

#include "copy_requests.h"
#include "entry.h"
#include "functions.h"
#include "graphs.h"
#include "limits.h"

namespace softgpu {

std::shared_ptr<Graph> make_graph(Driver& driver, const std::shared_ptr<Context>& context) {
  auto graph = std::make_shared<Graph>();
  graph->context = context;
  graph->handle = driver.handles.add(graph);
  return graph;
}

GraphNode& add_node(Driver& driver, Graph& graph, const Operation& operation,
                    const std::vector<GraphNode*>& dependencies) {
  auto node = std::make_shared<GraphNode>();
  node->graph = &graph;
  node->operation = operation;
  node->dependencies = dependencies;
  node->handle = driver.handles.add(node);
  graph.nodes.push_back(std::move(node));
  return *graph.nodes.back();
}

}  // namespace softgpu

using namespace softgpu;

namespace {

GraphNode& node_of(const Driver& driver, const Graph& graph, CUgraphNode handle) {
  const auto node = driver.handles.find<GraphNode>(handle);
  require(node->graph == &graph, "the node belongs to another graph");
  return *node;  // alive as long as its graph is
}

/// Adds a node that make(Driver&) describes.
template <class Make>
CUresult add_entry(const char* call, CUgraphNode* result, CUgraph graph_handle,
                   const CUgraphNode* dependencies, std::size_t count, Make make) noexcept {
  return entry(call, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(result, nullptr, "the node");
    const auto graph = driver.handles.find<Graph>(graph_handle);
    require(count == 0 || dependencies != nullptr, "expected dependencies, got NULL");
    std::vector<GraphNode*> before;
    for (std::size_t i = 0; i < count; ++i) {
      GraphNode* node = &node_of(driver, *graph, dependencies[i]);
      require(std::find(before.begin(), before.end(), node) == before.end(), "a dependency is given twice");
      before.push_back(node);
    }
    *result = add_node(driver, *graph, make(driver), before).handle;
  });
}

Operation kernel_operation(Driver& driver, const CUDA_KERNEL_NODE_PARAMS* parameters) {
  require(parameters != nullptr, "expected the kernel's parameters, got NULL");
  const CUfunction function =
      parameters->func != nullptr ? parameters->func : reinterpret_cast<CUfunction>(parameters->kern);
  KernelOperation operation = make_launch(
      find_function(driver, function), {parameters->gridDimX, parameters->gridDimY, parameters->gridDimZ},
      {parameters->blockDimX, parameters->blockDimY, parameters->blockDimZ}, parameters->sharedMemBytes,
      false, parameters->kernelParams, parameters->extra);
  check_limits(driver, operation.launch);
  return operation;
}

Operation copy_operation(Driver& driver, const CUDA_MEMCPY3D* copy) {
  require(copy != nullptr, "expected a description of the copy, got NULL");
  Operation operation = make_copy(driver, *copy);
  check_operation(driver, operation);
  return operation;
}

Operation fill_operation(Driver& driver, const CUDA_MEMSET_NODE_PARAMS* fill) {
  require(fill != nullptr, "expected a description of the memset, got NULL");
  Operation operation =
      make_fill(fill->dst, fill->pitch, fill->value, fill->elementSize, fill->width, fill->height);
  check_operation(driver, operation);
  return operation;
}

Operation host_operation(Driver& driver, const CUDA_HOST_NODE_PARAMS* host) {
  require(host != nullptr, "expected a description of the host function, got NULL");
  Operation operation = HostOperation{host->fn, host->userData};
  check_operation(driver, operation);
  return operation;
}

CUgraphNodeType type_of(const Operation& operation) {
  if (std::holds_alternative<KernelOperation>(operation)) return CU_GRAPH_NODE_TYPE_KERNEL;
  if (std::holds_alternative<CopyOperation>(operation)) return CU_GRAPH_NODE_TYPE_MEMCPY;
  if (std::holds_alternative<FillOperation>(operation)) return CU_GRAPH_NODE_TYPE_MEMSET;
  if (std::holds_alternative<HostOperation>(operation)) return CU_GRAPH_NODE_TYPE_HOST;
  if (std::holds_alternative<AllocationOperation>(operation)) return CU_GRAPH_NODE_TYPE_MEM_ALLOC;
  if (std::holds_alternative<FreeOperation>(operation)) return CU_GRAPH_NODE_TYPE_MEM_FREE;
  return CU_GRAPH_NODE_TYPE_EMPTY;
}

/// Fills an array as the graph queries do: NULL asks for the count; what is beyond the elements is set to
/// NULL.
void give_list(const std::vector<CUgraphNode>& list, CUgraphNode* out, std::size_t* count) {
  require(count != nullptr, "expected a pointer for the count, got NULL");
  if (out != nullptr) {
    for (std::size_t i = 0; i < *count; ++i) out[i] = i < list.size() ? list[i] : nullptr;
  }
  *count = out != nullptr ? std::min(*count, list.size()) : list.size();
}

/// The nodes with their dependencies as indices. Throws CallError 1 if edges added later make a cycle.
std::vector<GraphExec::Node> freeze(const Graph& graph) {
  std::unordered_map<const GraphNode*, std::size_t> index;
  for (const auto& node : graph.nodes) index.emplace(node.get(), index.size());
  std::vector<GraphExec::Node> nodes;
  for (const auto& node : graph.nodes) {
    nodes.push_back({node->handle, node->operation, {}});
    for (const GraphNode* dependency : node->dependencies)
      nodes.back().dependencies.push_back(index.at(dependency));
  }
  std::vector<bool> done(nodes.size());
  std::size_t left = nodes.size();
  for (bool moved = true; moved && left > 0;) {
    moved = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (done[i]) continue;
      const auto& before = nodes[i].dependencies;
      if (!std::all_of(before.begin(), before.end(), [&](std::size_t d) { return done[d]; })) continue;
      done[i] = moved = true;
      --left;
    }
  }
  require(left == 0, "the graph's edges make a cycle");
  return nodes;
}

CUgraphExec instantiate(Driver& driver, const std::shared_ptr<Context>& context, CUgraph handle,
                        std::uint64_t flags) {
  constexpr std::uint64_t kAutoFree = 1, kUpload = 2, kDeviceLaunch = 4, kPriority = 8;
  const auto graph = driver.handles.find<Graph>(handle);
  if ((flags & kDeviceLaunch) != 0)
    throw CallError(CUDA_ERROR_NOT_SUPPORTED, "softgpu does not launch graphs from kernels");
  require((flags & ~(kAutoFree | kUpload | kPriority)) == 0, "unknown flags");
  for (const auto& capture : driver.captures)
    require(capture->graph != graph, "the graph is still being captured");
  auto exec = std::make_shared<GraphExec>();
  exec->context = context;
  exec->nodes = freeze(*graph);
  exec->auto_free = (flags & kAutoFree) != 0;
  return driver.handles.add(std::move(exec));
}

/// Why a graph cannot replace an instantiated one's parameters; the node it stumbles over.
CUgraphExecUpdateResult difference(const GraphExec& exec, const std::vector<GraphExec::Node>& update,
                                   CUgraphNode* node) {
  *node = nullptr;
  if (exec.nodes.size() != update.size()) return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (std::size_t i = 0; i < update.size(); ++i) {
    *node = update[i].origin;
    if (exec.nodes[i].dependencies != update[i].dependencies)
      return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    if (exec.nodes[i].operation.index() != update[i].operation.index())
      return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
  }
  *node = nullptr;
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

/// Replaces the operation of the exec's node that came from `node`; its kind must stay.
void set_exec_node(Driver& driver, CUgraphExec handle, CUgraphNode node, const Operation& operation) {
  const auto exec = driver.handles.find<GraphExec>(handle);
  const auto found = std::find_if(exec->nodes.begin(), exec->nodes.end(),
                                  [&](const GraphExec::Node& candidate) { return candidate.origin == node; });
  require(found != exec->nodes.end(), "the executable graph was not made from a graph with this node");
  require(found->operation.index() == operation.index(), "the node is of another kind");
  found->operation = operation;
}

}  // namespace

CUresult cuGraphCreate(CUgraph* graph, unsigned flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    require(graph != nullptr, "expected a pointer for the graph, got NULL");
    require(flags == 0, "flags must be 0");
    *graph = make_graph(driver, context)->handle;
  });
}

CUresult cuGraphDestroy(CUgraph handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto graph = driver.handles.find<Graph>(handle);
    for (const auto& capture : driver.captures)
      require(capture->graph != graph, "the graph is still being captured");
    for (const auto& node : graph->nodes) driver.handles.remove(node->handle);
    driver.handles.remove(handle);
  });
}

CUresult cuGraphAddKernelNode_v2(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                 std::size_t count, const CUDA_KERNEL_NODE_PARAMS* parameters) noexcept {
  return add_entry(__func__, node, graph, dependencies, count,
                   [&](Driver& driver) { return kernel_operation(driver, parameters); });
}

CUresult cuGraphAddMemcpyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                              std::size_t count, const CUDA_MEMCPY3D* copy, CUcontext) noexcept {
  return add_entry(__func__, node, graph, dependencies, count,
                   [&](Driver& driver) { return copy_operation(driver, copy); });
}

CUresult cuGraphAddMemsetNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                              std::size_t count, const CUDA_MEMSET_NODE_PARAMS* parameters,
                              CUcontext) noexcept {
  return add_entry(__func__, node, graph, dependencies, count,
                   [&](Driver& driver) { return fill_operation(driver, parameters); });
}

CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                            std::size_t count, const CUDA_HOST_NODE_PARAMS* parameters) noexcept {
  return add_entry(__func__, node, graph, dependencies, count,
                   [&](Driver& driver) { return host_operation(driver, parameters); });
}

CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                             std::size_t count) noexcept {
  return add_entry(__func__, node, graph, dependencies, count,
                   [](Driver&) { return Operation(EmptyOperation{}); });
}

CUresult cuGraphAddDependencies_v2(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                   const CUgraphEdgeData*, std::size_t count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto graph = driver.handles.find<Graph>(handle);
    require(count == 0 || (from != nullptr && to != nullptr), "expected edges, got NULL");
    for (std::size_t i = 0; i < count; ++i) {
      GraphNode& before = node_of(driver, *graph, from[i]);
      auto& dependencies = node_of(driver, *graph, to[i]).dependencies;
      require(std::find(dependencies.begin(), dependencies.end(), &before) == dependencies.end(),
              "the edge exists already");
      dependencies.push_back(&before);
    }
  });
}

CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, std::size_t* count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    std::vector<CUgraphNode> list;
    for (const auto& node : driver.handles.find<Graph>(handle)->nodes) list.push_back(node->handle);
    give_list(list, nodes, count);
  });
}

CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode* nodes, std::size_t* count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    std::vector<CUgraphNode> list;
    for (const auto& node : driver.handles.find<Graph>(handle)->nodes) {
      if (node->dependencies.empty()) list.push_back(node->handle);
    }
    give_list(list, nodes, count);
  });
}

CUresult cuGraphGetEdges_v2(CUgraph handle, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edges,
                            std::size_t* count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    std::vector<CUgraphNode> starts, ends;
    for (const auto& node : driver.handles.find<Graph>(handle)->nodes) {
      for (const GraphNode* dependency : node->dependencies) {
        starts.push_back(dependency->handle);
        ends.push_back(node->handle);
      }
    }
    require(count != nullptr, "expected a pointer for the count, got NULL");
    require((from == nullptr) == (to == nullptr), "give both arrays or neither");
    std::size_t room = *count;
    if (edges != nullptr && from != nullptr)
      std::fill_n(edges, std::min(room, starts.size()), CUgraphEdgeData{});
    give_list(starts, from, &room);
    give_list(ends, to, count);
  });
}

CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType* type) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    give(type, type_of(driver.handles.find<GraphNode>(node)->operation), "the type");
  });
}

CUresult cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode* dependencies, CUgraphEdgeData* edges,
                                       std::size_t* count) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    std::vector<CUgraphNode> list;
    for (const GraphNode* dependency : driver.handles.find<GraphNode>(node)->dependencies)
      list.push_back(dependency->handle);
    require(count != nullptr, "expected a pointer for the count, got NULL");
    if (edges != nullptr && dependencies != nullptr)
      std::fill_n(edges, std::min(*count, list.size()), CUgraphEdgeData{});
    give_list(list, dependencies, count);
  });
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode handle,
                                       const CUDA_KERNEL_NODE_PARAMS* parameters) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    const auto node = driver.handles.find<GraphNode>(handle);
    require(std::holds_alternative<KernelOperation>(node->operation), "the node is no kernel");
    node->operation = kernel_operation(driver, parameters);
  });
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    give(exec, nullptr, "the executable graph");
    *exec = instantiate(driver, context, graph, flags);
  });
}

CUresult cuGraphInstantiateWithParams(CUgraphExec* exec, CUgraph graph,
                                      CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    constexpr int kSuccess = 0, kError = 1;
    give(exec, nullptr, "the executable graph");
    require(parameters != nullptr, "expected parameters, got NULL");
    parameters->hErrNode_out = nullptr;
    parameters->result_out = kError;
    *exec = instantiate(driver, context, graph, parameters->flags);
    parameters->result_out = kSuccess;
  });
}

CUresult cuGraphUpload(CUgraphExec exec, CUstream stream) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    driver.handles.find<GraphExec>(exec);
    forbid_capturing(driver, *driver.stream(stream, context), "uploaded to");
  });
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>& context) {
    const auto exec = driver.handles.find<GraphExec>(handle);
    const std::shared_ptr<Stream> stream = driver.stream(stream_handle, context);
    forbid_capturing(driver, *stream, "given a graph to launch (softgpu has no child graphs)");
    driver.launch_graph(stream, *exec);
  });
}

CUresult cuGraphExecDestroy(CUgraphExec exec) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    driver.handles.find<GraphExec>(exec);
    driver.handles.remove(exec);
  });
}

CUresult cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graph, CUgraphExecUpdateResultInfo* info) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    require(info != nullptr, "expected a pointer for the result, got NULL");
    *info = {CU_GRAPH_EXEC_UPDATE_ERROR, nullptr, nullptr};
    const auto exec = driver.handles.find<GraphExec>(handle);
    std::vector<GraphExec::Node> update = freeze(*driver.handles.find<Graph>(graph));
    info->result = difference(*exec, update, &info->errorNode);
    if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
      throw CallError(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
                      info->result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED
                          ? "the graph has other nodes or edges than the one instantiated"
                          : "a node of the graph is of another kind than the one instantiated");
    // What was made from the first graph stays addressable by its nodes.
    for (std::size_t i = 0; i < update.size(); ++i) exec->nodes[i].operation = update[i].operation;
  });
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                           const CUDA_KERNEL_NODE_PARAMS* parameters) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    set_exec_node(driver, exec, node, kernel_operation(driver, parameters));
  });
}

CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D* copy,
                                        CUcontext) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    set_exec_node(driver, exec, node, copy_operation(driver, copy));
  });
}

CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_MEMSET_NODE_PARAMS* parameters, CUcontext) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    set_exec_node(driver, exec, node, fill_operation(driver, parameters));
  });
}

CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                      const CUDA_HOST_NODE_PARAMS* parameters) noexcept {
  return entry(__func__, [&](Driver& driver, std::shared_ptr<Context>&) {
    set_exec_node(driver, exec, node, host_operation(driver, parameters));
  });
}
