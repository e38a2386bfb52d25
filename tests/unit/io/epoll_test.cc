// SPDX-License-Identifier: Apache-2.0
// sources: kernel/io/event_file.cc kernel/io/poll_wait.cc kernel/io/pipe.cc kernel/io/byte_ring.cc
// sources: kernel/io/file.cc kernel/io/epoll.cc kernel/io/record_lock.cc kernel/io/anonymous.cc
// sources: kernel/vm/user_access.cc tests/unit/sched/fake_machine.cc kernel/sched/scheduler.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc kernel/sched/scheduler_trace.cc kernel/sched/thread.cc
// sources: kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc kernel/sched/work_queue.cc
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc kernel/sync/preempt.cc
//
// epoll: triggering, one-shot, nesting, closing, and who is woken; event files as what is watched.

#include "io/epoll.h"

#include <vector>

#include "io/event_file.h"
#include "io/io_fixture.h"
#include "io/pipe.h"
#include "io/poll_wait.h"

namespace mokapot {
namespace {

RefPtr<File> event_file(std::uint64_t initial = 0) {
  return make_ref<EventFile>(initial, EventFile::Mode::kCounter, kOpenReadWrite | kOpenNonBlock).take();
}
void add_one(File& file) {
  std::uint64_t one = 1;
  IoBuffer buffer(&one, sizeof(one));
  EXPECT_TRUE(file.write(buffer).ok());
}
std::uint64_t take_all(File& file) {
  std::uint64_t value = 0;
  IoBuffer buffer(&value, sizeof(value));
  return file.read(buffer).ok() ? value : 0;
}

class EpollTest : public IoTest {
 protected:
  RefPtr<EpollFile> epoll_ = make_ref<EpollFile>(kOpenReadWrite).take();

  // Data words of what is ready, without waiting.
  static std::vector<std::uint64_t> ready(EpollFile& epoll, std::size_t most = 16,
                                          Instant deadline = Instant()) {
    std::vector<std::uint64_t> words;
    auto emit = [](const EpollEvent& event, std::size_t, void* context) -> Result<void> {
      static_cast<std::vector<std::uint64_t>*>(context)->push_back(event.data);
      return {};
    };
    const std::size_t count = epoll.wait(most, deadline, emit, &words).take();
    EXPECT_EQ(count, words.size());
    return words;
  }
};
using Words = std::vector<std::uint64_t>;

TEST_F(EpollTest, LevelTriggeredIsReportedWhileItLasts) {
  RefPtr<File> file = event_file();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 55}).ok());
  EXPECT_EQ(ready(*epoll_), Words{});
  add_one(*file);
  EXPECT_EQ(ready(*epoll_), Words{55});
  EXPECT_EQ(ready(*epoll_), Words{55});
  take_all(*file);
  EXPECT_EQ(ready(*epoll_), Words{});
}

TEST_F(EpollTest, EdgeTriggeredIsReportedOnceAChange) {
  RefPtr<File> file = event_file(1);
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn | kEpollEdge, 1}).ok());
  EXPECT_EQ(ready(*epoll_), Words{1});
  EXPECT_EQ(ready(*epoll_), Words{});
  add_one(*file);
  EXPECT_EQ(ready(*epoll_), Words{1});
  EXPECT_EQ(ready(*epoll_), Words{});
}

TEST_F(EpollTest, OneShotIsSilentUntilModified) {
  RefPtr<File> file = event_file(1);
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn | kEpollOneShot, 1}).ok());
  EXPECT_EQ(ready(*epoll_), Words{1});
  add_one(*file);
  EXPECT_EQ(ready(*epoll_), Words{});
  ASSERT_TRUE(epoll_->modify(file, 5, {kPollIn | kEpollOneShot, 2}).ok());
  EXPECT_EQ(ready(*epoll_), Words{2});
}

TEST_F(EpollTest, ManyReadyFilesTakeTurns) {
  std::vector<RefPtr<File>> files;
  for (std::uint64_t i = 0; i < 6; ++i) {
    files.push_back(event_file(1));
    ASSERT_TRUE(epoll_->add(files.back(), static_cast<int>(i), {kPollIn, i}).ok());
  }
  EXPECT_EQ(ready(*epoll_, 4), (Words{0, 1, 2, 3}));
  EXPECT_EQ(ready(*epoll_, 4), (Words{4, 5, 0, 1}));
}

TEST_F(EpollTest, ControlErrors) {
  RefPtr<File> file = event_file();
  EXPECT_EQ(epoll_->modify(file, 5, {}).error(), Errno::kENOENT);
  EXPECT_EQ(epoll_->remove(*file, 5).error(), Errno::kENOENT);
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 0}).ok());
  EXPECT_EQ(epoll_->add(file, 5, {kPollIn, 0}).error(), Errno::kEEXIST);
  EXPECT_TRUE(epoll_->add(file, 6, {kPollIn, 0}).ok());  // the same file under another number
  EXPECT_TRUE(epoll_->remove(*file, 5).ok());
  EXPECT_EQ(epoll_->remove(*file, 5).error(), Errno::kENOENT);
}

TEST_F(EpollTest, ClosedFileLeavesTheSet) {
  RefPtr<File> file = event_file(1);
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 0}).ok());
  file = nullptr;
  EXPECT_EQ(ready(*epoll_), Words{});
}

TEST_F(EpollTest, EpollThatDiesLeavesItsFilesAlone) {
  RefPtr<File> file = event_file();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 0}).ok());
  epoll_ = nullptr;
  add_one(*file);
  EXPECT_EQ(take_all(*file), 1u);
}

TEST_F(EpollTest, NestedEpollIsReadableWhileItHasEvents) {
  RefPtr<File> file = event_file();
  RefPtr<EpollFile> outer = make_ref<EpollFile>(kOpenReadWrite).take();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 1}).ok());
  ASSERT_TRUE(outer->add(epoll_, 6, {kPollIn | kEpollOneShot, 2}).ok());
  EXPECT_EQ(ready(*outer), Words{});
  add_one(*file);
  EXPECT_EQ(ready(*outer), Words{2});
  EXPECT_EQ(ready(*outer), Words{});
  ASSERT_TRUE(outer->modify(epoll_, 6, {kPollIn, 3}).ok());
  EXPECT_EQ(ready(*outer), Words{3});
  take_all(*file);
  EXPECT_EQ(ready(*outer), Words{});
  EXPECT_EQ(epoll_->poll(), 0u);
}

TEST_F(EpollTest, CyclesAndDeepNestingAreRefused) {
  std::vector<RefPtr<EpollFile>> chain{epoll_};
  for (int i = 0; i < 5; ++i) {
    RefPtr<EpollFile> outer = make_ref<EpollFile>(kOpenReadWrite).take();
    const Result<void> added = outer->add(chain.back(), i, {kPollIn, 0});
    EXPECT_EQ(added.ok(), i < 4) << i;
    chain.push_back(outer);
  }
  EXPECT_EQ(chain[0]->add(chain[2], 9, {kPollIn, 0}).error(), Errno::kELOOP);
}

TEST_F(EpollTest, SleeperIsWokenAndTimesOut) {
  RefPtr<File> file = event_file();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 7}).ok());
  EXPECT_EQ(ready(*epoll_, 1, now() + Duration::seconds(1)), Words{});
  Words got;
  Runner sleeper([&] { got = ready(*epoll_, 1, Instant::never()); });
  Runner::let_others_run();
  EXPECT_FALSE(sleeper.done());
  add_one(*file);
  sleeper.wait();
  EXPECT_EQ(got, Words{7});
}

TEST_F(EpollTest, OneEventWakesOneSleeper) {
  RefPtr<File> file = event_file();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn | kEpollEdge, 7}).ok());
  int woken = 0;
  auto sleep_once = [&] {
    if (!ready(*epoll_, 1, now() + Duration::seconds(5)).empty()) ++woken;
  };
  Runner first(sleep_once), second(sleep_once), third(sleep_once);
  Runner::let_others_run();
  add_one(*file);
  Runner::let_others_run();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(first.done() + second.done() + third.done(), 1);
}

TEST_F(EpollTest, ExclusiveWatchesShareTheWakeUps) {
  RefPtr<File> file = event_file();
  RefPtr<EpollFile> other = make_ref<EpollFile>(kOpenReadWrite).take();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn | kEpollExclusive, 1}).ok());
  ASSERT_TRUE(other->add(file, 5, {kPollIn | kEpollExclusive, 2}).ok());
  EXPECT_EQ(epoll_->modify(file, 5, {kPollIn, 1}).error(), Errno::kEINVAL);
  int woken = 0;
  auto sleep_in = [&](EpollFile& epoll) {
    if (!ready(epoll, 1, now() + Duration::seconds(1)).empty()) ++woken;
  };
  {
    Runner first([&] { sleep_in(*epoll_); }), second([&] { sleep_in(*other); });
    Runner::let_others_run();
    add_one(*file);
    Runner::let_others_run();
    EXPECT_EQ(woken, 1);
    take_all(*file);
  }
}

TEST_F(EpollTest, FaultingDestinationKeepsTheEvent) {
  RefPtr<File> file = event_file(1);
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn | kEpollEdge, 7}).ok());
  auto refuse = [](const EpollEvent&, std::size_t, void*) -> Result<void> { return Errno::kEFAULT; };
  EXPECT_EQ(epoll_->wait(1, Instant(), refuse, nullptr).error(), Errno::kEFAULT);
  EXPECT_EQ(ready(*epoll_), Words{7});
}

TEST_F(EpollTest, PollWaitSeesFilesAndEpolls) {
  RefPtr<File> file = event_file();
  ASSERT_TRUE(epoll_->add(file, 5, {kPollIn, 7}).ok());
  bool seen = false;
  Runner poller([&] {
    PollWait wait;
    ASSERT_TRUE(wait.reserve(1).ok());
    wait.add(epoll_);
    while (epoll_->poll() == 0) ASSERT_EQ(wait.sleep(Instant::never()), WakeReason::kWoken);
    seen = true;
  });
  Runner::let_others_run();
  EXPECT_FALSE(seen);
  add_one(*file);
  poller.wait();
  EXPECT_TRUE(seen);
}

TEST_F(EpollTest, HangUpIsReportedUnasked) {
  PipePair pipe = create_pipe(0).take();
  ASSERT_TRUE(epoll_->add(pipe.read_end, 5, {0, 9}).ok());
  pipe.write_end = nullptr;
  EXPECT_EQ(ready(*epoll_), Words{9});
}

TEST_F(EpollTest, SemaphoreGivesOneAtATime) {
  RefPtr<File> file =
      make_ref<EventFile>(3u, EventFile::Mode::kSemaphore, kOpenReadWrite | kOpenNonBlock).take();
  EXPECT_EQ(take_all(*file), 1u);
  EXPECT_EQ(take_all(*file), 1u);
  EXPECT_EQ(take_all(*file), 1u);
  EXPECT_EQ(take_all(*file), 0u);
}

}  // namespace
}  // namespace mokapot
