// SIGTERM, SIGINT and SIGUSR1 as a flag that is up at once, also while JavaScript is inside a long call: a
// handler in JavaScript would wait for the event loop, and a SIGUSR1 that nobody handles opens Node's
// inspector.
#pragma once

namespace lapidary {

/// Nothing is installed before the first call; a second one changes nothing. Clears the flag.
/// A second SIGINT ends the process as if it were not handled. Throws ERR_UNSUPPORTED.
void install_stop_signals();
/// Puts the former handlers back.
void remove_stop_signals() noexcept;
/// The name of the first signal that came since they were installed; null: none.
const char* received_stop_signal() noexcept;

}  // namespace lapidary
