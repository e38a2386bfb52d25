// SPDX-License-Identifier: Apache-2.0
// sources: kernel/io/in_flight.cc kernel/io/unix_base.cc kernel/io/unix_options.cc kernel/io/unix_socket.cc
// sources: kernel/io/unix_transfer.cc kernel/io/unix_datagram.cc kernel/io/unix_inbox.cc kernel/io/unix_message.cc
// sources: kernel/io/passed_files.cc kernel/io/socket.cc kernel/io/byte_ring.cc kernel/base/format.cc
// sources: kernel/io/file.cc kernel/io/epoll.cc kernel/io/record_lock.cc kernel/io/anonymous.cc
// sources: kernel/vm/user_access.cc tests/unit/sched/fake_machine.cc kernel/sched/scheduler.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc kernel/sched/scheduler_trace.cc kernel/sched/thread.cc
// sources: kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc kernel/sched/work_queue.cc
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc kernel/sync/preempt.cc
//
// Files that travel between AF_UNIX sockets: when they live on, and when they are found to be unreachable.

#include "io/in_flight.h"

#include "io/io_fixture.h"
#include "io/passed_files.h"
#include "io/unix_base.h"

namespace mokapot {
namespace {

class InFlightTest : public IoTest {
 protected:
  static void SetUpTestSuite() {
    IoTest::SetUpTestSuite();
    static const bool started = [] {
      initialise_in_flight();
      return true;
    }();
    static_cast<void>(started);
  }
};

// Says whether it is still there, and whether it was closed.
class Witness final : public File {
 public:
  Witness(int* alive, int* closed) : File(0), alive_(alive), closed_(closed) { ++*alive_; }
  ~Witness() override { --*alive_; }
  void on_closed() override { ++*closed_; }
  Result<FileStatus> status() override { return FileStatus(); }

 private:
  int* alive_;
  int* closed_;
};

struct Pair {
  explicit Pair(int type) : a(UnixSocketBase::create(type, kOpenNonBlock).take()), b(UnixSocketBase::create(type, kOpenNonBlock).take()) {
    EXPECT_TRUE(UnixSocketBase::connect_pair(*a, *b).ok());
  }
  RefPtr<UnixSocketBase> a, b;
};

void send(SocketFile& from, std::initializer_list<RefPtr<File>> files) {
  RefPtr<PassedFiles> passed = make_ref<PassedFiles>().take();
  for (const RefPtr<File>& file : files) EXPECT_TRUE(passed->add(file).ok());
  char byte = 'x';
  IoBuffer buffer(&byte, 1);
  OutgoingMessage message;
  message.files = passed.get();
  EXPECT_EQ(from.send(buffer, message).value(), 1u);
}

constexpr int kTypes[] = {kSocketStream, kSocketDatagram, kSocketSequenced};

TEST_F(InFlightTest, FilesArriveAndAreClosedOnce) {
  for (const int type : kTypes) {
    int alive = 0, closed = 0;
    {
      Pair pair(type);
      send(*pair.a, {make_ref<Witness>(&alive, &closed).take()});
      EXPECT_EQ(alive, 1);
      char byte = 0;
      IoBuffer buffer(&byte, 1);
      IncomingMessage message;
      EXPECT_EQ(pair.b->receive(buffer, message).value(), 1u);
      ASSERT_TRUE(message.files);
      EXPECT_EQ(message.files->count(), 1u);
      EXPECT_EQ(closed, 0);
    }
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(alive, 0);
  }
}

TEST_F(InFlightTest, CirclesGoWhenNobodyReachesThem) {
  for (const int type : kTypes) {
    int alive = 0, closed = 0;
    Pair pair(type);
    send(*pair.b, {pair.b, make_ref<Witness>(&alive, &closed).take()});
    send(*pair.a, {pair.a});
    pair.b = nullptr;
    collect_unreachable_sockets();
    EXPECT_EQ(alive, 1) << "one end is still held";
    pair.a = nullptr;
    EXPECT_EQ(alive, 1) << "nothing has ended yet";
    collect_unreachable_sockets();
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(closed, 1);
  }
}

TEST_F(InFlightTest, ASocketInItsOwnQueueGoes) {
  for (const int type : kTypes) {
    int alive = 0, closed = 0;
    Pair pair(type);
    send(*pair.a, {pair.b, make_ref<Witness>(&alive, &closed).take()});
    EXPECT_EQ(alive, 1);
    pair.b = nullptr;  // its peer is held, but does not lead to it
    collect_unreachable_sockets();
    EXPECT_EQ(alive, 0);
  }
}

TEST_F(InFlightTest, WhatAReachableSocketLeadsToStays) {
  int alive = 0, closed = 0;
  Pair outer(kSocketDatagram), middle(kSocketDatagram), inner(kSocketDatagram);
  send(*inner.a, {make_ref<Witness>(&alive, &closed).take()});
  send(*middle.a, {inner.a, inner.b});
  send(*outer.a, {middle.a, middle.b});
  inner.a = inner.b = middle.a = middle.b = nullptr;
  collect_unreachable_sockets();
  EXPECT_EQ(alive, 1);
  outer.b = nullptr;  // the queue that holds it all
  EXPECT_EQ(alive, 0);
}

TEST_F(InFlightTest, LongChainsGoWithoutRecursion) {
  int alive = 0, closed = 0;
  RefPtr<File> held = make_ref<Witness>(&alive, &closed).take();
  for (int i = 0; i < 3000; ++i) {
    Pair pair(kSocketDatagram);
    send(*pair.a, {held});
    held = pair.b;
  }
  EXPECT_EQ(alive, 1);
  held = nullptr;
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace mokapot
