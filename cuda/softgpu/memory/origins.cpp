#include "origins.h"

#include <algorithm>

namespace softgpu {

Origins::Origins(const std::vector<DeclaredMatrix>& matrices, std::uint64_t shared_bytes)
    : shared_(shared_bytes) {
  std::uint64_t next = 1;
  for (const DeclaredMatrix& each : matrices) {
    const std::uint64_t elements = each.rows * each.leading;
    if (next + elements >= kAccumulator) continue;
    matrices_.push_back({each, static_cast<Origin>(next)});
    next += elements;
  }
}

void Origins::clear() {
  std::fill(shared_.begin(), shared_.end(), Origin{0});
  accumulated_.clear();
  numbers_.clear();
}

Origin Origins::at(DeviceAddress address) const {
  for (const Numbered& each : matrices_) {
    const std::uint64_t offset = address - each.declared.base;
    if (offset >= each.declared.bytes()) continue;
    const std::uint64_t element = offset / each.declared.element_bytes;
    if (element % each.declared.leading >= each.declared.columns) continue;  // padding
    return static_cast<Origin>(each.first + element);
  }
  return 0;
}

void Origins::read(Window window, std::uint64_t address, std::uint32_t bytes, Origin* to) const {
  for (std::uint32_t i = 0; i < bytes; ++i) {
    to[i] = window == Window::shared   ? (address + i < shared_.size() ? shared_[address + i] : 0)
            : window == Window::global ? at(address + i)
                                       : 0;
  }
}

void Origins::write(Window window, std::uint64_t address, std::uint32_t bytes, const Origin* from) {
  if (window != Window::shared || address + bytes > shared_.size()) return;
  std::copy_n(from, bytes, shared_.data() + address);
}

void Origins::forget(Window window, std::uint64_t address, std::uint32_t bytes) {
  if (window != Window::shared || address + bytes > shared_.size()) return;
  std::fill_n(shared_.data() + address, bytes, Origin{0});
}

std::optional<MatrixElement> Origins::element(const Origin* from, std::uint32_t bytes) const {
  const Origin origin = from[0];
  if (origin == 0 || (origin & kAccumulator) != 0) return std::nullopt;
  if (std::any_of(from, from + bytes, [&](Origin each) { return each != origin; })) return std::nullopt;
  // The last matrix that starts at or before it.
  const auto after = std::upper_bound(matrices_.begin(), matrices_.end(), origin,
                                      [](Origin value, const Numbered& each) { return value < each.first; });
  const auto index = static_cast<std::uint32_t>(after - matrices_.begin() - 1);
  const Numbered& found = matrices_[index];
  const std::uint64_t element = origin - found.first;
  return MatrixElement{index, element / found.declared.leading, element % found.declared.leading};
}

Origin Origins::accumulator(const AccumulatedElement& element) {
  const auto [found, inserted] =
      numbers_.try_emplace(element, static_cast<Origin>(kAccumulator | accumulated_.size()));
  if (inserted) accumulated_.push_back(element);
  return found->second;
}

const AccumulatedElement* Origins::accumulated(Origin origin) const {
  if ((origin & kAccumulator) == 0) return nullptr;
  const std::size_t index = origin & ~kAccumulator;
  return index < accumulated_.size() ? &accumulated_[index] : nullptr;
}

}  // namespace softgpu
