// SPDX-License-Identifier: Apache-2.0
//
// For tests of the scheduler: threads that run a function object on the fake machine, and a fixture that sees that none
// is left.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "sched/fake_machine.h"
#include "sched/thread.h"
#include "sched/wait_queue.h"
#include "time/clock.h"

namespace mokapot::test {

// A thread that runs a function object.
class TestThread {
 public:
  template <typename Body>
  explicit TestThread(Body body, Runs runs = Runs::kKernelOnly)
      : body_(new Holder<Body>(std::move(body))), thread_(make_ref<Thread>("test").take()) {
    EXPECT_TRUE(thread_->initialise([](void* self) { static_cast<TestThread*>(self)->run(); }, this, runs).ok());
  }
  ~TestThread() { join(); }
  TestThread& start() {
    thread_->start();
    started_ = true;
    return *this;
  }
  void join() {
    if (!started_) return;
    wait_until(ended_queue_, Instant::never(), Interruptible::kNo, [this] { return ended_; });
    // Until it is off its stack.
    while (thread_->state() != ThreadState::kDead) yield();
    started_ = false;
  }
  bool ended() const { return ended_; }
  Thread& operator*() { return *thread_; }
  Thread* operator->() { return thread_.get(); }

 private:
  struct HolderBase {
    virtual ~HolderBase() = default;
    virtual void call() = 0;
  };
  template <typename Body>
  struct Holder : HolderBase {
    explicit Holder(Body b) : body(std::move(b)) {}
    void call() override { body(); }
    Body body;
  };
  void run() {
    body_->call();
    ended_ = true;
    ended_queue_.wake_all();
  }
  std::unique_ptr<HolderBase> body_;
  RefPtr<Thread> thread_;
  WaitQueue ended_queue_;
  bool ended_ = false;
  bool started_ = false;
};

class SchedulerFixture : public testing::Test {
 protected:
  static void SetUpTestSuite() { fake::start_machine(); }
  void SetUp() override { threads_before_ = thread_count(); }
  void TearDown() override {
    ASSERT_TRUE(sleep_until(now() + Duration::milliseconds(1), Interruptible::kNo).ok());
    EXPECT_EQ(thread_count(), threads_before_) << "a thread was not reaped";
    EXPECT_EQ(arch::preempt_count(), 0u);
    EXPECT_TRUE(arch::interrupts_enabled());
  }
  std::uint32_t threads_before_ = 0;
};

}  // namespace mokapot::test
