// SPDX-License-Identifier: Apache-2.0
// sources: kernel/io/pipe.cc kernel/io/byte_ring.cc
// sources: kernel/io/file.cc kernel/io/epoll.cc kernel/io/record_lock.cc kernel/io/anonymous.cc
// sources: kernel/vm/user_access.cc tests/unit/sched/fake_machine.cc kernel/sched/scheduler.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc kernel/sched/scheduler_trace.cc kernel/sched/thread.cc
// sources: kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc kernel/sched/work_queue.cc
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc kernel/sync/preempt.cc
//
// Pipes: what read(2), write(2) and poll(2) promise of them.

#include "io/pipe.h"

#include "io/io_fixture.h"

namespace mokapot {
namespace {

using PipeTest = IoTest;

TEST_F(PipeTest, BytesComeOutInOrder) {
  PipePair pipe = create_pipe(0).take();
  EXPECT_EQ(write_text(*pipe.write_end, "abc").value(), 3u);
  EXPECT_EQ(write_text(*pipe.write_end, "def").value(), 3u);
  EXPECT_EQ(read_text(*pipe.read_end, 4).value(), "abcd");
  EXPECT_EQ(read_text(*pipe.read_end, 100).value(), "ef");
}

TEST_F(PipeTest, EmptyPipeIsEagainOrItsEnd) {
  PipePair pipe = create_pipe(kOpenNonBlock).take();
  EXPECT_EQ(read_text(*pipe.read_end, 1).error(), Errno::kEAGAIN);
  pipe.write_end = nullptr;
  EXPECT_EQ(read_text(*pipe.read_end, 1).value(), "");
}

TEST_F(PipeTest, WhatWasWrittenBeforeTheWriterLeftIsRead) {
  PipePair pipe = create_pipe(0).take();
  EXPECT_TRUE(write_text(*pipe.write_end, "last").ok());
  pipe.write_end = nullptr;
  EXPECT_EQ(pipe.read_end->poll(), kPollReadable | kPollHangUp);
  EXPECT_EQ(read_text(*pipe.read_end, 10).value(), "last");
  EXPECT_EQ(pipe.read_end->poll(), kPollHangUp);
  EXPECT_EQ(read_text(*pipe.read_end, 10).value(), "");
}

TEST_F(PipeTest, WritingWithoutReadersIsEpipe) {
  PipePair pipe = create_pipe(0).take();
  pipe.read_end = nullptr;
  EXPECT_EQ(write_text(*pipe.write_end, "x").error(), Errno::kEPIPE);
  EXPECT_EQ(write_text(*pipe.write_end, "").value(), 0u);
  EXPECT_NE(pipe.write_end->poll() & kPollError, 0u);
}

TEST_F(PipeTest, SmallWritesAreWholeOrNot) {
  PipePair pipe = create_pipe(kOpenNonBlock).take();
  const std::string page(kPipeAtomic, 'p');
  for (std::size_t i = 0; i < kPipeDefaultSize / kPipeAtomic; ++i) {
    EXPECT_EQ(write_text(*pipe.write_end, page).value(), kPipeAtomic);
  }
  EXPECT_EQ(pipe.write_end->poll() & kPollOut, 0u);
  EXPECT_EQ(read_text(*pipe.read_end, 100).value().size(), 100u);
  EXPECT_EQ(write_text(*pipe.write_end, page).error(), Errno::kEAGAIN);
  // A larger one takes what room there is.
  EXPECT_EQ(write_text(*pipe.write_end, page + "x").value(), 100u);
}

TEST_F(PipeTest, LargeWriteWaitsForTheReader) {
  PipePair pipe = create_pipe(0).take();
  const std::string text(300000, 'z');
  Runner writer([&] { EXPECT_EQ(write_text(*pipe.write_end, text).value(), text.size()); });
  Runner::let_others_run();
  EXPECT_FALSE(writer.done());
  std::string got;
  while (got.size() < text.size()) got += read_text(*pipe.read_end, 50000).value();
  EXPECT_EQ(got, text);
}

TEST_F(PipeTest, BlockedReaderIsWokenOrInterrupted) {
  PipePair pipe = create_pipe(0).take();
  std::string got;
  Runner reader([&] { got = read_text(*pipe.read_end, 10).value(); });
  Runner::let_others_run();
  EXPECT_FALSE(reader.done());
  EXPECT_TRUE(write_text(*pipe.write_end, "now").ok());
  reader.wait();
  EXPECT_EQ(got, "now");
  Errno error{};
  Runner interrupted([&] { error = read_text(*pipe.read_end, 10).error(); });
  Runner::let_others_run();
  interrupted.interrupt();
  interrupted.wait();
  EXPECT_EQ(error, Errno::kRestart);
}

TEST_F(PipeTest, CapacityIsRoundedAndKeepsContents) {
  PipePair pipe = create_pipe(kOpenNonBlock).take();
  Pipe& inside = static_cast<PipeFile&>(*pipe.read_end).pipe();
  EXPECT_TRUE(write_text(*pipe.write_end, std::string(5000, 'k')).ok());
  EXPECT_EQ(inside.set_capacity(4096).error(), Errno::kEBUSY);
  EXPECT_EQ(inside.set_capacity(10000).value(), 16384u);
  EXPECT_EQ(read_text(*pipe.read_end, 6000).value(), std::string(5000, 'k'));
}

TEST_F(PipeTest, FifoOpenWaitsForTheOtherSide) {
  RefPtr<Pipe> fifo = make_ref<Pipe>().take();
  EXPECT_EQ(fifo->open_fifo(kOpenWriteOnly | kOpenNonBlock).error(), Errno::kENXIO);
  RefPtr<File> reader;
  Runner opener([&] { reader = fifo->open_fifo(kOpenReadOnly).take(); });
  Runner::let_others_run();
  EXPECT_FALSE(opener.done());
  RefPtr<File> writer = fifo->open_fifo(kOpenWriteOnly).take();
  opener.wait();
  EXPECT_TRUE(write_text(*writer, "x").ok());
  EXPECT_EQ(read_text(*reader, 1).value(), "x");
}

}  // namespace
}  // namespace mokapot
