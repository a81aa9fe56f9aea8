#include "core/stop_signals.h"

#include <csignal>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "core/error.h"

namespace lapidary {
namespace {

struct StopSignal {
  int number;
  const char* name;
};
constexpr std::array<StopSignal, 3> kSignals{
    {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}}};

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);  // the handler may touch nothing else

std::mutex mutex;
bool installed = false;
std::array<struct sigaction, kSignals.size()> former;

void on_signal(int number) {
  int none = 0;
  if (received.compare_exchange_strong(none, number) || number != SIGINT || none != SIGINT) return;
  // The person means it. The signal is delivered, and ends the process, when this handler returns.
  const int error = errno;
  std::signal(SIGINT, SIG_DFL);
  std::raise(SIGINT);
  errno = error;
}

}  // namespace

void install_stop_signals() {
  std::lock_guard lock(mutex);
  received = 0;
  if (installed) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t index = 0; index < kSignals.size(); ++index) {
    if (sigaction(kSignals[index].number, &action, &former[index]) == 0) continue;
    const int error = errno;
    while (index-- > 0) sigaction(kSignals[index].number, &former[index], nullptr);
    fail(ErrorCode::Unsupported, "the system refuses a handler for signals: %s", std::strerror(error));
  }
  installed = true;
}

void remove_stop_signals() noexcept {
  std::lock_guard lock(mutex);
  if (!installed) return;
  for (size_t index = 0; index < kSignals.size(); ++index)
    sigaction(kSignals[index].number, &former[index], nullptr);
  installed = false;
}

const char* received_stop_signal() noexcept {
  const int number = received.load();
  for (const StopSignal& signal : kSignals) {
    if (signal.number == number) return signal.name;
  }
  return nullptr;
}

}  // namespace lapidary
