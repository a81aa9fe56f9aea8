#include "host_fault.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace softgpu {
namespace {

std::atomic<const DeviceMemory*> watched{nullptr};
struct sigaction previous;

/// Text built without allocating, as a signal handler must.
class Line {
 public:
  Line& text(const char* words) {
    while (*words != '\0' && size_ < sizeof buffer_) buffer_[size_++] = *words++;
    return *this;
  }
  Line& number(std::uint64_t value, unsigned base) {
    char digits[64];
    unsigned count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count > 0 && size_ < sizeof buffer_) buffer_[size_++] = digits[--count];
    return *this;
  }
  void write() {
    const ssize_t written = ::write(STDERR_FILENO, buffer_, size_);
    static_cast<void>(written);
  }

 private:
  char buffer_[512];
  std::size_t size_ = 0;
};

void name_fault(std::uint64_t address, const DeviceMemory& memory) {
  Line line;
  line.text("softgpu: error: host_access: the host dereferenced device pointer 0x").number(address, 16);
  DeviceAddress base = 0;
  std::uint64_t bytes = 0, number = 0;
  bool freed = false;
  if (memory.locate(address, &base, &bytes, &number, &freed)) {
    const std::uint64_t offset = address - base;
    line.text(offset < bytes ? ", byte " : ", ").number(offset < bytes ? offset : offset - bytes, 10);
    line.text(offset < bytes ? " of " : " bytes past the end of ").text(freed ? "freed " : "");
    line.text("allocation ").number(number, 10).text(" (").number(bytes, 10).text(" bytes)");
  }
  line.text("; copy it to the host first (cuMemcpyDtoH)\n").write();
}

void handle(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uint64_t>(info->si_addr);
  const DeviceMemory* memory = watched.load();
  if (memory != nullptr && memory->contains(address)) name_fault(address, *memory);
  // As before: a handler runs, anything else takes effect when the instruction faults again.
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != nullptr) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(signal);
  } else {
    struct sigaction fatal;
    std::memset(&fatal, 0, sizeof fatal);
    fatal.sa_handler = SIG_DFL;
    sigaction(SIGSEGV, &fatal, nullptr);
  }
}

}  // namespace

void name_host_faults(const DeviceMemory& memory) {
  const bool first = watched.exchange(&memory) == nullptr;
  if (!first) return;
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous);
}

}  // namespace softgpu
