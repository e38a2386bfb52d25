// SPDX-License-Identifier: Apache-2.0
//
// What tests of files share: the fake machine, threads that run a lambda, and reads and writes of strings.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>

#include "io/epoll.h"
#include "io/file.h"
#include "io/record_lock.h"
#include "sched/fake_machine.h"
#include "sched/thread.h"
#include "time/clock.h"

namespace mokapot {

// Starts the machine, and the parts of io that boot starts, once.
class IoTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static const bool started = [] {
      fake::start_machine();
      initialise_epoll();
      initialise_record_locks();
      return true;
    }();
    static_cast<void>(started);
  }
};

// A kernel thread that runs body. It is over when done() is; wait() lets it run until then.
class Runner {
 public:
  explicit Runner(std::function<void()> body) : body_(std::move(body)) {
    thread_ = start_kernel_thread("runner", &run, this).take();
  }
  ~Runner() { wait(); }
  void wait() {
    while (!done_) let_others_run();
  }
  bool done() const { return done_; }
  void interrupt() { thread_->interrupt(); }
  // Long enough for everybody who can run to get as far as they can.
  static void let_others_run() {
    EXPECT_TRUE(sleep_until(now() + Duration::milliseconds(10), Interruptible::kNo).ok());
  }

 private:
  static void run(void* self) {
    static_cast<Runner*>(self)->body_();
    static_cast<Runner*>(self)->done_ = true;
    exit_current_thread();
  }
  std::function<void()> body_;
  bool done_ = false;
  RefPtr<Thread> thread_;
};

inline Result<std::size_t> write_text(File& file, std::string_view text) {
  IoBuffer buffer(const_cast<char*>(text.data()), text.size());
  return file.write(buffer);
}

inline Result<std::string> read_text(File& file, std::size_t size) {
  std::string text(size, '?');
  IoBuffer buffer(text.data(), size);
  text.resize(TRY(file.read(buffer)));
  return text;
}

}  // namespace mokapot
