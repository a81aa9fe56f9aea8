// Who touched a 4-byte word of device memory last: the 64-bit record kernels and copies leave beside every
// word.
#pragma once

#include <bitset>
#include <cstdint>

namespace softgpu {

/// Pieces of work (kernels, copies, memsets) have numbers 1 .. kNodes-1. When they run out, all records are
/// forgotten (DeviceMemory::forget_records) and numbers start again.
inline constexpr std::uint32_t kNodes = 1024;

/// One access. An empty record (bits 0) has node 0: nobody.
///
/// bits 0..9 node, 10..29 block (its linear index modulo 2^20), 30..47 epoch (of the block, at its barriers,
/// modulo 2^18), 48..57 thread (linear, in its block), 58..61 bytes of the word touched, 62 atomic, 63 many
/// (of a reader: others have read too). Host copies have block, epoch and thread 0.
struct RaceRecord {
  static constexpr std::uint32_t kBlocks = 1 << 20, kEpochs = 1 << 18, kThreads = 1 << 10;
  std::uint64_t bits = 0;

  static constexpr RaceRecord make(std::uint32_t node, std::uint64_t block, std::uint32_t epoch,
                                   std::uint32_t thread, std::uint32_t byte_mask, bool atomic = false,
                                   bool many = false) {
    return {std::uint64_t{node} | (block & (kBlocks - 1)) << 10 | std::uint64_t{epoch & (kEpochs - 1)} << 30 |
            std::uint64_t{thread & (kThreads - 1)} << 48 | std::uint64_t{byte_mask & 15} << 58 |
            std::uint64_t{atomic} << 62 | std::uint64_t{many} << 63};
  }
  constexpr std::uint32_t node() const { return bits & (kNodes - 1); }
  constexpr std::uint32_t block() const { return bits >> 10 & (kBlocks - 1); }
  constexpr std::uint32_t epoch() const { return bits >> 30 & (kEpochs - 1); }
  constexpr std::uint32_t thread() const { return bits >> 48 & (kThreads - 1); }
  constexpr std::uint32_t byte_mask() const { return bits >> 58 & 15; }
  constexpr bool atomic() const { return bits >> 62 & 1; }
  constexpr bool many() const { return bits >> 63; }
};

/// The work known to be over before something starts: a vector clock with one bit a node. Default: everything
/// earlier is, as for a launch outside every stream.
class NodeSet {
 public:
  NodeSet() { nodes_.set(); }
  static NodeSet none() {
    NodeSet set;
    set.nodes_.reset();
    return set;
  }
  bool operator()(std::uint32_t node) const { return nodes_[node]; }
  void insert(std::uint32_t node) { nodes_[node] = true; }
  void join(const NodeSet& other) { nodes_ |= other.nodes_; }
  void clear() { nodes_.reset(); }
  bool includes(const NodeSet& other) const { return (other.nodes_ & ~nodes_).none(); }
  bool empty() const { return nodes_.none(); }

 private:
  std::bitset<kNodes> nodes_;
};

}  // namespace softgpu
