#include "races.h"

#include <algorithm>
#include <atomic>

#include "../machine/block.h"
#include "race_record.h"

namespace softgpu {

namespace {

/// Bytes of a 4-byte word that an access of `bytes` at `address` touches.
std::uint32_t byte_mask(std::uint64_t address, std::uint32_t bytes) {
  return bytes >= 4 ? 15u : ((1u << bytes) - 1) << (address & 3);
}

std::string thread_name(std::uint32_t thread, const Dim3& size) {
  return "thread (" + std::to_string(thread % size[0]) + "," + std::to_string(thread / size[0] % size[1]) +
         "," + std::to_string(thread / size[0] / size[1]) + ")";
}

const char* sort_of(bool writes, bool other_writes) {
  return writes ? (other_writes ? "write after write" : "write after read") : "read after write";
}

/// Whether this lane's access comes after an access of another thread of its block in `epoch` by something
/// other than a full barrier.
bool ordered_in_block(Warp& warp, std::uint32_t lane, std::uint32_t thread, std::uint32_t epoch) {
  Block& block = warp.block();
  if (!block.acquired.empty()) {
    const auto known =
        block.acquired.find(static_cast<std::uint32_t>(block.linear_index() % RaceRecord::kBlocks));
    if (known != block.acquired.end() && epoch < known->second)
      return true;  // through a flag of its own block
  }
  const std::uint32_t other = thread / kLanes;
  if (other == warp.index()) {
    if (epoch < warp.sync_epoch) return true;
    // Its own access, one of many: the others are not known, what it has acquired since stands for them.
    if (thread == warp.thread(lane) && epoch < warp.acquire_epoch) return true;
    return epoch < warp.part_epoch[lane] && (warp.part_lanes[lane] >> (thread % kLanes) & 1) != 0;
  }
  return !block.known_epochs.empty() && epoch < block.known_epochs[other * block.warps() + warp.index()];
}

void report_shared(Warp& warp, const Access& access, std::uint32_t lane, SharedRecord record,
                   bool other_writes, std::uint64_t word) {
  const bool writes = access.kind != Access::Kind::load;
  Finding finding = warp.finding(Check::race, lane,
                                 std::string("race in shared memory, ") + sort_of(writes, other_writes) +
                                     ": " + thread_name(record.thread(), warp.block().launch().block) +
                                     (other_writes ? " wrote" : " read") +
                                     (record.flag() && !other_writes ? " (and others)" : "") + " byte " +
                                     std::to_string(word * 4) + " with no barrier in between");
  finding.other = warp.place_of_code(record.place());
  warp.report(finding);
}

/// A lane's access of a word against its last writer.
void check_read_after_write(Warp& warp, const Access& access, std::uint32_t lane, std::uint64_t word,
                            std::uint32_t touched, std::uint64_t threshold) {
  const std::uint64_t writer = warp.block().shared_writers[word];
  if (writer < threshold) return;
  const SharedRecord record{writer};
  const bool both_atomic = access.kind == Access::Kind::atomic && record.flag();
  if (record.thread() == warp.thread(lane) || (record.byte_mask() & touched) == 0 || both_atomic) return;
  if (!ordered_in_block(warp, lane, record.thread(), record.epoch())) {
    report_shared(warp, access, lane, record, true, word);
  }
}

void check_shared(Warp& warp, const Access& access) {
  Block& block = warp.block();
  const std::uint64_t threshold = SharedRecord::make(block.barrier_epoch, 0, 0, false, 0).bits;
  const std::uint32_t place = access.place != 0 ? access.place : warp.code_place();
  const bool writes = access.kind != Access::Kind::load, atomic = access.kind == Access::Kind::atomic;
  const std::uint32_t words = std::max(1u, access.bytes / 4);
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const std::uint32_t thread = warp.thread(lane);
    const std::uint64_t first = access.address[lane] >> 2;
    const std::uint32_t touched = byte_mask(access.address[lane], access.bytes);
    for (std::uint32_t w = 0; w < words; ++w) {
      const std::uint64_t word = first + w;
      std::uint64_t& writer = block.shared_writers[word];
      std::uint64_t& reader = block.shared_readers[word];
      check_read_after_write(warp, access, lane, word, touched, threshold);
      if (!writes) {
        const SharedRecord record{reader};
        const bool others = reader >= threshold && (record.thread() != thread || record.flag()) &&
                            !ordered_in_block(warp, lane, record.thread(), record.epoch());
        reader = SharedRecord::make(block.epoch, thread, 15, others, place).bits;
        continue;
      }
      if (reader >= threshold) {
        const SharedRecord record{reader};
        // Of many readers one is known: order with it says nothing about the rest unless it is a full
        // barrier.
        if ((record.thread() != thread || record.flag()) &&
            !ordered_in_block(warp, lane, record.thread(), record.epoch())) {
          report_shared(warp, access, lane, record, false, word);
        }
      }
      writer = SharedRecord::make(block.epoch, thread, touched, atomic, place).bits;
    }
  }
}

void report_global(Warp& warp, const Access& access, std::uint32_t lane, RaceRecord record, bool other_writes,
                   std::uint64_t address) {
  Block& block = warp.block();
  const bool writes = access.kind != Access::Kind::load;
  const std::string where = " at " + block.device().memory.describe(address);
  if (record.node() != block.launch().node) {
    Finding finding =
        warp.finding(Check::unordered, lane,
                     std::string(sort_of(writes, other_writes)) + where + ": " +
                         block.device().work.of(record.node()) + (other_writes ? " wrote" : " read") +
                         " it and no stream order or event puts it before this launch");
    warp.report(finding);
    return;
  }
  const bool same_block = record.block() == block.linear_index() % RaceRecord::kBlocks;
  Finding finding = warp.finding(
      Check::race, lane,
      std::string("race in global memory, ") + sort_of(writes, other_writes) + ": block " +
          std::to_string(record.block()) + " " + thread_name(record.thread(), block.launch().block) +
          (other_writes ? " wrote" : " read") + (record.many() ? " (and others)" : "") + where +
          (same_block
               ? " with no barrier in between"
               : (record.atomic() || access.kind == Access::Kind::atomic
                      ? "; one access is atomic, the other plain"
                      : "; blocks are ordered only by a fence and an atomic, volatile or release access that "
                        "the other block has read")));
  finding.other = block.state().footprints.place(warp, address, other_writes);
  warp.report(finding);
}

/// Whether an access of this lane may follow the recorded one.
bool ordered_global(Warp& warp, const Access& access, std::uint32_t lane, RaceRecord record, bool reader) {
  Block& block = warp.block();
  const Launch& launch = block.launch();
  if (record.node() != launch.node) return launch.ordered_before(record.node());
  const bool atomic = access.kind == Access::Kind::atomic;
  if (!reader && record.atomic() && (atomic || access.synchronises)) return true;
  if (record.block() == block.linear_index() % RaceRecord::kBlocks) {
    const std::uint32_t epoch = record.epoch();
    if (record.thread() == warp.thread(lane) && !record.many()) return true;
    if (epoch < block.barrier_epoch || epoch > block.epoch) return true;
    return ordered_in_block(warp, lane, record.thread(), epoch);
  }
  const auto known = block.acquired.find(record.block());
  return known != block.acquired.end() && record.epoch() < known->second;
}

void check_global(Warp& warp, const Access& access) {
  Block& block = warp.block();
  DeviceMemory& memory = block.device().memory;
  const bool writes = access.kind != Access::Kind::load, atomic = access.kind == Access::Kind::atomic;
  const std::uint32_t node = block.launch().node;
  const std::uint32_t words = std::max(1u, access.bytes / 4);
  block.state().footprints.touch(warp.code_place(), access);
  const bool marks_atomic = atomic || (writes && access.synchronises);
  // The records of a warp's words lie far apart and are four times as large: fetch all lines before the first
  // is needed.
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    __builtin_prefetch(memory.records(access.address[static_cast<std::uint32_t>(std::countr_zero(lanes))]),
                       1);
  }
  std::uint32_t over = 0;  // a node known to be ordered before this launch: neighbours mostly carry the same
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
    const std::uint32_t touched = byte_mask(access.address[lane], access.bytes);
    const std::uint64_t mine =
        RaceRecord::make(node, block.linear_index(), block.epoch, warp.thread(lane), touched, marks_atomic)
            .bits;
    // All but epoch, byte mask and flags: who.
    constexpr std::uint64_t kWho = std::uint64_t{0x03ff'0000'3fff'ffff};
    for (std::uint32_t w = 0; w < words; ++w) {
      const std::uint64_t address = access.address[lane] + 4 * std::uint64_t{w};
      // Other workers' blocks write records too: plain loads and stores of whole words.
      std::atomic_ref<std::uint64_t> writer(memory.records(address)[0]), reader(memory.records(address)[1]);
      const RaceRecord wrote{writer.load(std::memory_order_relaxed)};
      if (wrote.bits != 0 && wrote.node() != over && ((wrote.bits ^ mine) & kWho) != 0 &&
          (wrote.byte_mask() & touched) != 0) {
        if (!ordered_global(warp, access, lane, wrote, false)) {
          report_global(warp, access, lane, wrote, true, address);
        } else if (wrote.node() != node) {
          over = wrote.node();
        }
      }
      if (access.read_only && wrote.node() == node) {
        warp.report(Check::read_only, lane,
                    "ld.global.nc reads " + memory.describe(address) +
                        ", which this launch writes: the read-only "
                        "path may return old bytes");
      }
      if (!writes) {
        if (access.synchronises) continue;  // polling a flag: its writer is free to change it
        const RaceRecord read{reader.load(std::memory_order_relaxed)};
        const bool others = read.node() == node && (((read.bits ^ mine) & kWho) != 0 || read.many());
        // Of readers whose accesses are over (ordered before this one) nothing need be kept.
        const bool many = others && !ordered_global(warp, access, lane, read, true);
        reader.store(mine | std::uint64_t{many} << 63, std::memory_order_relaxed);
        continue;
      }
      const RaceRecord read{reader.load(std::memory_order_relaxed)};
      if (read.bits != 0 && (((read.bits ^ mine) & kWho) != 0 || read.many()) &&
          (read.byte_mask() & touched) != 0 && !ordered_global(warp, access, lane, read, true)) {
        report_global(warp, access, lane, read, false, address);
      }
      if (read.node() == node && block.state().footprints.read_only_at(address)) {
        warp.report(
            Check::read_only, lane,
            "writes " + memory.describe(address) +
                ", which this launch reads through ld.global.nc: the read-only path may return old bytes");
      }
      writer.store(mine, std::memory_order_relaxed);
    }
  }
}

/// A word as the key of what is published there: shared memory of different blocks must not meet.
std::uint64_t flag_of(Block& block, const Access& access, std::uint32_t lane) {
  const std::uint64_t word = access.address[lane] >> 2;
  return access.window == Window::shared ? std::uint64_t{1} << 63 | block.linear_index() << 20 | word : word;
}

/// Flags: what a fence covers is published where the flag is about to be written.
void publish_order(Warp& warp, const Access& access) {
  Block& block = warp.block();
  if (!access.releases && warp.fence_epoch == 0) return;
  const auto self = static_cast<std::uint32_t>(block.linear_index() % RaceRecord::kBlocks);
  BlockClock clock = block.acquired;
  std::uint32_t& own = clock[self];
  own = std::max(own, access.releases ? block.epoch + 1 : warp.fence_epoch);
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    block.state().published.publish(
        flag_of(block, access, static_cast<std::uint32_t>(std::countr_zero(lanes))), clock);
  }
  if (access.releases) block.next_epoch();
}

}  // namespace

void check_races(Warp& warp, const Access& access) {
  const Settings& settings = warp.block().settings();
  if (!settings.checks || !settings.races) return;
  if (access.window != Window::shared && access.window != Window::global) return;
  if (access.synchronises && access.kind != Access::Kind::load) publish_order(warp, access);
  if (access.window == Window::global) {
    check_global(warp, access);
    return;
  }
  if (access.kind != Access::Kind::load) warp.block().last_shared_write = warp.block().epoch;
  check_shared(warp, access);
}

void acquire_order(Warp& warp, const Access& access) {
  Block& block = warp.block();
  const PublishedClocks& published = block.state().published;
  if (published.empty()) return;
  for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
    published.acquire(flag_of(block, access, static_cast<std::uint32_t>(std::countr_zero(lanes))),
                      block.acquired);
  }
}

void check_shared_load(Warp& warp, const Access& access, const std::uint32_t* first,
                       const AccessPattern& pattern) {
  Block& block = warp.block();
  if (!block.settings().checks || !block.settings().races) return;
  constexpr std::uint64_t kMany = std::uint64_t{1} << 32;
  const std::uint64_t threshold = SharedRecord::make(block.barrier_epoch, 0, 0, false, 0).bits;
  const std::uint32_t words = access.bytes / 4;
  std::uint64_t* const readers = block.shared_readers.data();
  if (block.last_shared_write >= block.barrier_epoch) {  // else there is nothing to race with
    for (std::uint32_t lanes = access.lanes; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
      for (std::uint32_t e = 0; e < words; ++e) {
        check_read_after_write(warp, access, lane, first[lane] + e, 15, threshold);
      }
    }
  }
  const std::uint32_t place = warp.code_place();
  for (std::uint32_t d = 0; d < pattern.distinct_count; ++d) {
    const std::uint32_t lane = pattern.distinct[d];
    const bool shared = (pattern.shared >> d & 1) != 0;
    std::uint64_t* const records = readers + first[lane];
    // Where several have read since the barrier, one more reader changes nothing.
    std::uint64_t news = 0;
    for (std::uint32_t e = 0; e < words; ++e) {
      news |= static_cast<std::uint64_t>(records[e] < threshold) | (~records[e] & kMany);
    }
    if (news == 0) continue;
    const std::uint32_t thread = warp.thread(lane);
    for (std::uint32_t e = 0; e < words; ++e) {
      const SharedRecord record{records[e]};
      const bool others = records[e] >= threshold && (record.thread() != thread || record.flag()) &&
                          !ordered_in_block(warp, lane, record.thread(), record.epoch());
      records[e] = SharedRecord::make(block.epoch, thread, 15, others || shared, place).bits;
    }
  }
}

}  // namespace softgpu
