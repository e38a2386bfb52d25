// SPDX-License-Identifier: Apache-2.0
#include "support/interruption.h"

#include <csignal>

namespace moka {
namespace {

volatile std::sig_atomic_t caught = 0;

}  // namespace

void take_interruptions() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { caught = signal; };
  // No SA_RESTART: what waits must look.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    ::sigaction(signal, nullptr, &old);
    if (old.sa_handler != SIG_IGN) ::sigaction(signal, &action, nullptr);
  }
}

bool is_interrupted() { return caught != 0; }

Error interrupted() { return Error{"interrupted; nothing was made"}; }

void die_if_interrupted() {
  if (caught == 0) return;
  std::signal(caught, SIG_DFL);
  std::raise(caught);
}

}  // namespace moka
