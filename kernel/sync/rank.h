// SPDX-License-Identifier: Apache-2.0
//
// The order in which locks nest: a lock may be taken only while all held ones have a lower rank.
// There is no default rank. Sleeping locks come first: a spinlock never encloses one.
#pragma once

#include <cstdint>

namespace mokapot {

enum class LockRank : std::uint8_t {
  // Sleeping locks (sched/mutex.h, sched/rw_lock.h), outermost first.
  kProcess = 10,        // exit, exec, working directory
  kDescriptorTable = 15,
  kFilePosition = 20,   // one open file's offset
  kMount = 25,
  kDirectory = 30,      // an inode's names; parent before child
  kEpollDetach = 34,    // a watched file dies
  kEpoll = 35,
  kInode = 40,          // size and data of one file
  kSocket = 42,         // one socket's calls of one kind: a writer's pieces stay together
  kNetCore = 45,        // the TCP/IP stack
  kAddressSpace = 50,   // regions; page faults take it shared
  kCodePages = 55,      // whose turn it is to write to code, or to execute it
  kPageCache = 60,      // one file's pages
  kFileSystem = 65,     // on-disk structures
  kBlockDevice = 70,
  kDevice = 75,
  // Spinlocks.
  kPortTable = 95,      // who has which port; sockets are looked up and told under it
  kWallClock = 97,      // who hears of a set clock
  kReadiness = 100,     // file readiness lists, pipes, consoles
  kMessageQueue = 102,  // messages that wait in an AF_UNIX socket
  kSignals = 105,
  kFutexBucket = 110,
  kSocketRoom = 117,    // senders that wait for a full receiver; waking them notifies files
  kStreamPort = 118,    // StreamPort::changed, whose callbacks notify files
  kConsole = 119,       // who has the console open
  kWaitQueue = 120,
  kTask = 125,          // thread table
  kFileWatch = 126,     // who watches a file through epoll; notifying goes down these four
  kEpollNesting = 127,
  kEpollReady = 128,
  kEpollWaiters = 129,
  kDentries = 126,      // names in memory, small fs tables
  kPageTable = 130,
  kPageList = 135,      // one file's tree of cached pages
  kPageRecency = 136,   // page cache's recency lists
  kDeviceQueue = 140,   // virtqueues
  kTimerQueue = 150,
  kRunQueue = 160,
  kKernelVirtual = 165,
  kHeap = 170,
  kFrames = 180,
  kIrq = 190,
  kTrace = 200,
};

}  // namespace mokapot
