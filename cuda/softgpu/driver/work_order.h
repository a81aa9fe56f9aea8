// What is ordered before what: vector clocks over the pieces of work issued since numbers last started again,
// and the model's clock.
//
// Work runs when it is issued. Whether it *had* to run then is kept here: a stream, an event and the host
// each know the set of nodes that are over for them. The host is one party, however many threads it has:
// order between host threads cannot be seen, so it is assumed.
#pragma once

#include <cstdint>
#include <string>

#include "../memory/race_record.h"

namespace softgpu {

/// Nodes known to be over, and the model's time by which they are.
struct Past {
  NodeSet nodes = NodeSet::none();
  std::uint64_t era = 0;
  double nanoseconds = 0;
};

/// A piece of work about to run.
struct Work {
  std::uint32_t node = 0;
  std::string name;  ///< "kernel saxpy (work 17)"
  Past before;
};

class WorkOrder {
 public:
  /// Gives the next piece of work its number. When numbers run out, calls `forget` first: records and
  /// everything that remembers a node are about to lose their meaning.
  template <class Forget>
  Work next(const std::string& what, Forget forget) {
    if (next_ == kNodes) {
      forget();
      next_ = 1;
      ++era_;
    }
    return {next_++, what + " (work " + std::to_string(++total_) + ")", Past{NodeSet::none(), era_, 0}};
  }

  /// `into` now also knows what `from` knows.
  void join(Past& into, const Past& from) const {
    if (from.nanoseconds > into.nanoseconds) into.nanoseconds = from.nanoseconds;
    if (into.era != era_) {
      into.nodes.clear();
      into.era = era_;
    }
    if (from.era == era_) into.nodes.join(from.nodes);
  }
  /// Whether everything `part` knows is known to `whole`; what is older than this era is over for all.
  bool includes(const Past& whole, const Past& part) const {
    if (part.era != era_) return true;
    return whole.era == era_ ? whole.nodes.includes(part.nodes) : part.nodes.empty();
  }
  /// Whether a node of this era is over for `past`.
  bool knows(const Past& past, std::uint32_t node) const { return past.era == era_ && past.nodes(node); }

 private:
  std::uint32_t next_ = 1;
  std::uint64_t era_ = 1, total_ = 0;
};

}  // namespace softgpu
