// SPDX-License-Identifier: Apache-2.0
// sources: kernel/process/pending_signal.cc
//
// Queues of pending signals: what is kept, in which order it comes out. signal(7), "Queueing and delivery
// semantics for multiple signals".

#include "process/pending_signal.h"

#include <gtest/gtest.h>

namespace mokapot {
namespace {

constexpr int kIll = 4, kUsr1 = 10, kSegv = 11, kTerm = 15, kFirstRealTime = 34;
constexpr SignalSet kAny = ~SignalSet{0};

SignalInfo info_of(int signal, std::uint64_t value = 0) {
  SignalInfo info;
  info.signal = signal;
  info.sender.value = value;
  return info;
}

class PendingSignalTest : public testing::Test {
 protected:
  ~PendingSignalTest() override { drop_pending_signals(state_); }
  SignalQueue& queue() { return state_.queue; }
  void send(int signal, std::uint64_t value = 0) { EXPECT_TRUE(queue_signal(queue(), info_of(signal, value)).ok()); }
  // The signal's number, 0 for none.
  int take(SignalSet set = kAny) { return dequeue_signal(queue(), set, last_) ? last_.signal : 0; }
  SignalSet pending() { return queue().set.load(); }

  SignalState state_;
  SignalInfo last_;
};

TEST_F(PendingSignalTest, AnEmptyQueueGivesNothing) {
  EXPECT_EQ(take(), 0);
}

TEST_F(PendingSignalTest, AStandardSignalQueuesOnceAndKeepsItsFirstInfo) {
  send(kUsr1, 1);
  send(kUsr1, 2);
  EXPECT_EQ(pending(), signal_bit(kUsr1));
  EXPECT_EQ(take(), kUsr1);
  EXPECT_EQ(last_.sender.value, 1u);
  EXPECT_EQ(pending(), 0u);
  EXPECT_EQ(take(), 0);
}

TEST_F(PendingSignalTest, RealTimeSignalsQueueInTheOrderSent) {
  for (std::uint64_t value = 1; value <= 3; ++value) send(kFirstRealTime, value);
  for (std::uint64_t value = 1; value <= 3; ++value) {
    EXPECT_EQ(pending(), signal_bit(kFirstRealTime));
    EXPECT_EQ(take(), kFirstRealTime);
    EXPECT_EQ(last_.sender.value, value);
  }
  EXPECT_EQ(pending(), 0u);
}

TEST_F(PendingSignalTest, LowerNumbersComeFirst) {
  for (const int signal : {64, kTerm, kFirstRealTime, kUsr1, 1}) send(signal);
  for (const int signal : {1, kUsr1, kTerm, kFirstRealTime, 64}) EXPECT_EQ(take(), signal);
}

// A fault's handler must run on the faulting instruction, before another handler goes elsewhere.
TEST_F(PendingSignalTest, SignalsOfFaultsComeBeforeAllOthers) {
  send(1);
  send(kSegv);
  send(kIll);
  EXPECT_EQ(take(), kIll);
  EXPECT_EQ(take(), kSegv);
  EXPECT_EQ(take(), 1);
}

TEST_F(PendingSignalTest, OnlySignalsOfTheSetAreTaken) {
  send(kUsr1);
  send(kTerm);
  EXPECT_EQ(take(signal_bit(kSegv)), 0);
  EXPECT_EQ(take(~signal_bit(kUsr1)), kTerm);
  EXPECT_EQ(pending(), signal_bit(kUsr1));
}

TEST_F(PendingSignalTest, DiscardTakesEveryInstanceOfOneSignal) {
  send(kFirstRealTime, 1);
  send(kTerm);
  send(kFirstRealTime, 2);
  discard_signal(queue(), kFirstRealTime);
  EXPECT_EQ(pending(), signal_bit(kTerm));
  EXPECT_EQ(take(), kTerm);
  EXPECT_EQ(take(), 0);
  EXPECT_TRUE(queue().entries.empty());
}

// What queue_signal leaves when memory is short: the bit without an entry.
TEST_F(PendingSignalTest, ASignalWithoutInfoIsStillDelivered) {
  queue().set.store(signal_bit(kTerm));
  last_ = info_of(kUsr1, 99);
  EXPECT_EQ(take(), kTerm);
  EXPECT_EQ(last_.sender.value, 0u);
  EXPECT_EQ(pending(), 0u);
}

TEST_F(PendingSignalTest, AnEndingTaskFreesWhatIsPending) {
  send(kTerm);
  send(kFirstRealTime, 1);
  send(kFirstRealTime, 2);
  drop_pending_signals(state_);  // the leak check sees what is left
  EXPECT_TRUE(queue().entries.empty());
}

}  // namespace
}  // namespace mokapot
