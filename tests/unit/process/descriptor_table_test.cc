// SPDX-License-Identifier: Apache-2.0
// sources: kernel/process/descriptor_table.cc kernel/io/pipe.cc kernel/io/byte_ring.cc
// sources: kernel/io/file.cc kernel/io/epoll.cc kernel/io/record_lock.cc kernel/io/anonymous.cc
// sources: kernel/vm/user_access.cc tests/unit/sched/fake_machine.cc kernel/sched/scheduler.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc kernel/sched/scheduler_trace.cc kernel/sched/thread.cc
// sources: kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc kernel/sched/work_queue.cc
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc kernel/sync/preempt.cc
//
// The descriptor table: which numbers are given out, what closing does, and advisory locks, which closing ends.

#include "process/descriptor_table.h"

#include "io/io_fixture.h"
#include "io/pipe.h"
#include "io/record_lock.h"

namespace mokapot {
namespace {

// Counts what is told to it.
class ProbeFile final : public File {
 public:
  ProbeFile(int& closed, int& destroyed) : File(kOpenReadWrite), closed_(closed), destroyed_(destroyed) {}
  ~ProbeFile() override { ++destroyed_; }
  Result<FileStatus> status() override { return FileStatus(); }
  void on_closed() override { ++closed_; }

 private:
  int& closed_;
  int& destroyed_;
};

class DescriptorTableTest : public IoTest {
 protected:
  void TearDown() override {
    close_descriptor_range(0, ~0u);
    set_descriptor_limit(1024);
  }
  RefPtr<File> file() { return make_ref<ProbeFile>(closed_, destroyed_).take(); }
  int install() { return install_descriptor(file(), CloseOnExec::kNo).value_or(-1); }
  int closed_ = 0, destroyed_ = 0;
};

TEST_F(DescriptorTableTest, LowestFreeNumberIsGivenOut) {
  EXPECT_EQ(install(), 0);
  EXPECT_EQ(install(), 1);
  EXPECT_EQ(install(), 2);
  EXPECT_TRUE(close_descriptor(1).ok());
  EXPECT_EQ(install(), 1);
  EXPECT_EQ(install(), 3);
  EXPECT_EQ(install_descriptor(file(), CloseOnExec::kNo, 900).value(), 900);
  EXPECT_EQ(install(), 4);
}

TEST_F(DescriptorTableTest, ManyNumbersCrossChunks) {
  set_descriptor_limit(100000);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(install(), i);
  EXPECT_TRUE(close_descriptor(2048).ok());
  EXPECT_TRUE(close_descriptor(70).ok());
  EXPECT_EQ(install(), 70);
  EXPECT_EQ(install(), 2048);
  EXPECT_EQ(install(), 5000);
  EXPECT_EQ(next_descriptor(5001), -1);
  close_descriptor_range(10, 4990);
  EXPECT_EQ(next_descriptor(10), 4991);
  EXPECT_EQ(destroyed_, 4981 + 2);
}

TEST_F(DescriptorTableTest, LimitIsEmfile) {
  set_descriptor_limit(2);
  EXPECT_EQ(install(), 0);
  EXPECT_EQ(install(), 1);
  EXPECT_EQ(install_descriptor(file(), CloseOnExec::kNo).error(), Errno::kEMFILE);
  EXPECT_EQ(duplicate_descriptor(0, 2, CloseOnExec::kNo).error(), Errno::kEINVAL);
  EXPECT_EQ(replace_descriptor(0, 2, CloseOnExec::kNo).error(), Errno::kEBADF);
}

TEST_F(DescriptorTableTest, BadNumbersAreEbadf) {
  for (const int number : {-1, 0, 5, 1 << 20, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(descriptor_file(number).error(), Errno::kEBADF) << number;
    EXPECT_EQ(close_descriptor(number).error(), Errno::kEBADF) << number;
    EXPECT_EQ(descriptor_close_on_exec(number).error(), Errno::kEBADF) << number;
  }
}

TEST_F(DescriptorTableTest, LastNumberClosesAndLastReferenceDestroys) {
  const int first = install();
  RefPtr<File> held = descriptor_file(first).take();
  const int second = duplicate_descriptor(first, 0, CloseOnExec::kYes).take();
  EXPECT_EQ(descriptor_close_on_exec(first).take(), CloseOnExec::kNo);
  EXPECT_EQ(descriptor_close_on_exec(second).take(), CloseOnExec::kYes);
  EXPECT_TRUE(close_descriptor(first).ok());
  EXPECT_EQ(closed_, 0);
  EXPECT_TRUE(close_descriptor(second).ok());
  EXPECT_EQ(closed_, 1);
  EXPECT_EQ(destroyed_, 0);
  held = nullptr;
  EXPECT_EQ(destroyed_, 1);
}

TEST_F(DescriptorTableTest, ReservedNumberIsTakenButNotOpen) {
  {
    DescriptorReservation reservation = DescriptorReservation::create().take();
    EXPECT_EQ(reservation.number(), 0);
    EXPECT_EQ(install(), 1);
    EXPECT_EQ(descriptor_file(0).error(), Errno::kEBADF);
    EXPECT_EQ(close_descriptor(0).error(), Errno::kEBADF);
    EXPECT_EQ(replace_descriptor(1, 0, CloseOnExec::kNo).error(), Errno::kEBUSY);
  }
  EXPECT_EQ(install(), 0);
}

TEST_F(DescriptorTableTest, ReplacingClosesWhatWasThere) {
  const int first = install(), second = install();
  EXPECT_EQ(replace_descriptor(first, second, CloseOnExec::kNo).take(), second);
  EXPECT_EQ(destroyed_, 1);
  EXPECT_EQ(descriptor_file(first).take(), descriptor_file(second).take());
  EXPECT_EQ(replace_descriptor(first, 77, CloseOnExec::kNo).take(), 77);
  EXPECT_EQ(replace_descriptor(50, 77, CloseOnExec::kNo).error(), Errno::kEBADF);
}

// --- Advisory locks -------------------------------------------------------------------------------------

LockRequest record(LockType type, const File* owner, std::uint64_t first, std::uint64_t last) {
  return {LockSpace::kRecord, type, owner, first, last};
}

TEST_F(DescriptorTableTest, RecordLocksOfTwoOwnersConflict) {
  RefPtr<File> shared = file();
  File& any = *shared;
  ASSERT_TRUE(set_lock(any, record(LockType::kExclusive, nullptr, 10, 19), LockWait::kNo).ok());
  EXPECT_EQ(set_lock(any, record(LockType::kShared, &any, 15, 15), LockWait::kNo).error(), Errno::kEAGAIN);
  EXPECT_TRUE(set_lock(any, record(LockType::kShared, &any, 20, 30), LockWait::kNo).ok());
  // The process's own are changed, not refused: the middle goes, both ends stay.
  ASSERT_TRUE(set_lock(any, record(LockType::kUnlock, nullptr, 13, 16), LockWait::kNo).ok());
  EXPECT_TRUE(set_lock(any, record(LockType::kExclusive, &any, 13, 16), LockWait::kNo).ok());
  const auto conflict = find_lock_conflict(any, record(LockType::kExclusive, &any, 16, 100));
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->first, 17u);
  EXPECT_EQ(conflict->last, 19u);
}

TEST_F(DescriptorTableTest, NeighboursOfOneTypeMerge) {
  RefPtr<File> shared = file();
  for (const std::uint64_t first : {0, 20, 10}) {
    ASSERT_TRUE(set_lock(*shared, record(LockType::kShared, nullptr, first, first + 9), LockWait::kNo).ok());
  }
  const auto conflict = find_lock_conflict(*shared, record(LockType::kExclusive, shared.get(), 5, 5));
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->first, 0u);
  EXPECT_EQ(conflict->last, 29u);
}

TEST_F(DescriptorTableTest, ClosingADescriptorEndsTheProcessesLocks) {
  const int number = install();
  RefPtr<File> shared = descriptor_file(number).take();
  ASSERT_TRUE(set_lock(*shared, record(LockType::kExclusive, nullptr, 0, 9), LockWait::kNo).ok());
  bool taken = false;
  Runner waiter([&] {
    taken = set_lock(*shared, record(LockType::kExclusive, shared.get(), 5, 5), LockWait::kYes).ok();
  });
  Runner::let_others_run();
  EXPECT_FALSE(waiter.done());
  EXPECT_TRUE(close_descriptor(number).ok());
  waiter.wait();
  EXPECT_TRUE(taken);
}

}  // namespace
}  // namespace mokapot
