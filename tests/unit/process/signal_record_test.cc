// SPDX-License-Identifier: Apache-2.0
// sources: kernel/process/signal_record.cc
//
// signalfd's records: which fields of siginfo_t an origin gives a meaning to.

#include "process/signal_record.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cstddef>
#include <cstring>

namespace mokapot {
namespace {

// The layouts are the C library's.
static_assert(sizeof(SignalRecord) == sizeof(signalfd_siginfo));
static_assert(offsetof(SignalRecord, overrun) == offsetof(signalfd_siginfo, ssi_overrun));
static_assert(offsetof(SignalRecord, pointer) == offsetof(signalfd_siginfo, ssi_ptr));
static_assert(offsetof(SignalRecord, address) == offsetof(signalfd_siginfo, ssi_addr));
static_assert(offsetof(SignalRecord, address_low_bits) == offsetof(signalfd_siginfo, ssi_addr_lsb));
static_assert(offsetof(SignalRecord, call_address) == offsetof(signalfd_siginfo, ssi_call_addr));
static_assert(offsetof(SignalRecord, architecture) == offsetof(signalfd_siginfo, ssi_arch));

SignalRecord record_of(const siginfo_t& info) {
  SignalInfo ours;
  std::memcpy(static_cast<void*>(&ours), &info, sizeof(ours));
  return signal_record(ours);
}

TEST(SignalRecord, SenderAndValue) {
  siginfo_t info{};
  info.si_signo = SIGUSR1;
  info.si_code = SI_USER;
  info.si_pid = 12;
  info.si_uid = 34;
  info.si_value.sival_int = 56;  // not sent by kill
  SignalRecord record = record_of(info);
  EXPECT_EQ(record.pid, 12u);
  EXPECT_EQ(record.uid, 34u);
  EXPECT_EQ(record.integer, 0);
  info.si_code = SI_QUEUE;
  record = record_of(info);
  EXPECT_EQ(record.integer, 56);
  EXPECT_EQ(record.pointer, 56u);
  EXPECT_EQ(record.pid, 12u);
}

TEST(SignalRecord, Fault) {
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = SEGV_MAPERR;
  info.si_addr = reinterpret_cast<void*>(0x1234);
  SignalRecord record = record_of(info);
  EXPECT_EQ(record.address, 0x1234u);
  EXPECT_EQ(record.pid, 0u);
  info.si_signo = SIGBUS;
  info.si_code = BUS_MCEERR_AO;
  info.si_addr_lsb = 12;
  record = record_of(info);
  EXPECT_EQ(record.address_low_bits, 12u);
}

TEST(SignalRecord, PollTimerAndSystemCall) {
  siginfo_t info{};
  info.si_signo = SIGRTMIN;
  info.si_code = POLL_IN;  // F_SETSIG: any signal may tell of a descriptor
  info.si_band = 0x41;
  info.si_fd = 7;
  SignalRecord record = record_of(info);
  EXPECT_EQ(record.band, 0x41u);
  EXPECT_EQ(record.descriptor, 7);
  info = {};
  info.si_signo = SIGALRM;
  info.si_code = SI_TIMER;
  info.si_timerid = 3;
  info.si_overrun = 4;
  info.si_value.sival_int = 5;
  record = record_of(info);
  EXPECT_EQ(record.timer, 3u);
  EXPECT_EQ(record.overrun, 4u);
  EXPECT_EQ(record.integer, 5);
  EXPECT_EQ(record.pid, 0u);
  info = {};
  info.si_signo = SIGSYS;
  info.si_code = 1;  // SYS_SECCOMP
  info.si_call_addr = reinterpret_cast<void*>(0x40);
  info.si_syscall = 9;
  info.si_arch = 0xc000003e;
  record = record_of(info);
  EXPECT_EQ(record.call_address, 0x40u);
  EXPECT_EQ(record.system_call, 9);
  EXPECT_EQ(record.architecture, 0xc000003eu);
}

TEST(SignalRecord, UnknownCodes) {
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = 0x7f;  // beyond its own and the poll codes: like kill's
  info.si_pid = 12;
  EXPECT_EQ(record_of(info).pid, 12u);
  info.si_code = SI_KERNEL;
  EXPECT_EQ(record_of(info).pid, 12u);
}

}  // namespace
}  // namespace mokapot
