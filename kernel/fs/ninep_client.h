// SPDX-License-Identifier: Apache-2.0
//
// A client of a 9P2000.L server on the host, over a MessageChannel. Each call sends one request and blocks until
// it is answered; several threads may call at once.
//
// A fid is the server's handle of a file. NinepFid counts references; the last one that goes tells the server (clunk)
// without waiting, from wherever that happens.
//
// A request is made, and answered, in a slot: memory that the device may reach. Slots are made when first
// needed. Whoever holds one may touch the application's memory and so come to a page of a mapped file, whose reading
// needs another slot; hence one is kept for that purpose alone, whose holder touches nothing.
//
// Locks: slots_lock_ and fids_lock_ (spinlocks, rank kDentries, interrupts off; never together). Calls block and
// hold neither. Thread context, but for the channel's completions.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/annotations.h"
#include "base/ref_counted.h"
#include "base/result.h"
#include "device/message_channel.h"
#include "fs/ninep_message.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "sched/wait_queue.h"
#include "sync/spinlock.h"
#include "vm/user_access.h"

namespace mokapot {

class NinepClient;

class NinepFid {
 public:
  void add_reference() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() const;
  std::uint32_t number() const { return number_; }

 private:
  friend class NinepClient;
  NinepFid(NinepClient& client, std::uint32_t number) : client_(client), number_(number) {}

  NinepClient& client_;
  const std::uint32_t number_;
  mutable std::atomic<std::uint32_t> references_{1};
  bool known_ = false;        // to the server; set before it is shared
  NinepFid* next_ = nullptr;  // on one of the client's lists, when nobody refers to it
};

class NinepClient {
 public:
  explicit NinepClient(MessageChannel& channel);
  NinepClient(const NinepClient&) = delete;
  NinepClient& operator=(const NinepClient&) = delete;

  // Agrees on the protocol; the root's fid. kEPROTO, kENOMEM, or what the server says.
  Result<RefPtr<NinepFid>> start();

  // The child's fid, or another one of the same file for "".
  Result<RefPtr<NinepFid>> walk(const NinepFid& from, std::string_view name, ninep::Qid* qid = nullptr);
  Result<FileStatus> attributes(const NinepFid& fid);
  // size: also cuts or grows the file.
  Result<void> set_attributes(const NinepFid& fid, const AttributeChange& change, const std::uint64_t* size = nullptr);
  Result<FileSystemStatistics> statistics(const NinepFid& fid);

  // flags: Linux's O_. The fid is good for reading or writing from then on, and for nothing else.
  Result<void> open(const NinepFid& fid, std::uint32_t flags);
  // Makes a file in the directory, whose fid becomes the open file's. kEEXIST.
  Result<void> create(const NinepFid& directory, std::string_view name, std::uint32_t flags, std::uint32_t mode);
  // At most what one request holds: fewer bytes than asked for are no end of the file, none are.
  Result<std::size_t> read(const NinepFid& fid, std::uint64_t offset, IoBuffer& into);
  Result<std::size_t> write(const NinepFid& fid, std::uint64_t offset, IoBuffer& from);
  // Pages for the page cache, PageBacking::kMostFetched at most; what lies beyond the end is zero.
  Result<void> read_pages(const NinepFid& fid, std::uint64_t offset, std::span<const PhysAddr> frames);
  // Whole entries, for ninep::read_entry.
  Result<std::size_t> read_directory(const NinepFid& fid, std::uint64_t offset, std::span<std::byte> into);
  Result<std::size_t> read_link(const NinepFid& fid, char* buffer, std::size_t size);
  Result<void> synchronise(const NinepFid& fid, bool data_only);

  // Extended attributes; for the empty name, the list of all names with their NULs. size 0 asks for the length. kENODATA,
  // kERANGE.
  Result<std::size_t> get_xattr(const NinepFid& fid, std::string_view name, void* value, std::size_t size);
  // flags: XATTR_CREATE, XATTR_REPLACE. A value without bytes takes the attribute away: the protocol has no other word.
  Result<void> set_xattr(const NinepFid& fid, std::string_view name, const void* value, std::size_t size,
                         std::uint32_t flags);

  Result<void> make_directory(const NinepFid& directory, std::string_view name, std::uint32_t mode);
  Result<void> make_node(const NinepFid& directory, std::string_view name, std::uint32_t type_and_mode,
                         std::uint64_t device);
  Result<void> make_symlink(const NinepFid& directory, std::string_view name, std::string_view target);
  Result<void> link(const NinepFid& directory, std::string_view name, const NinepFid& existing);
  Result<void> rename(const NinepFid& directory, std::string_view name, const NinepFid& new_directory,
                      std::string_view new_name);
  enum class Kind : std::uint8_t { kFile, kDirectory };
  Result<void> unlink(const NinepFid& directory, std::string_view name, Kind kind);

 private:
  friend class NinepFid;
  class Exchange;

  struct Slot {
    MessageRequest request;
    PhysAddr memory;                 // null: not made yet
    std::uint32_t size = 0;
    std::uint16_t tag = 0;
    bool busy = false;               // under slots_lock_
    std::atomic<bool> answered{false};
    Result<std::size_t> answer = std::size_t{0};  // its size; published by answered
    WaitQueue waiting;
  };
  enum class Purpose : std::uint8_t { kCall, kPage };
  Slot& acquire(Purpose purpose);
  Slot* try_acquire(Purpose purpose);
  void release(Slot& slot);
  static Result<void> make_slot(Slot& slot, unsigned order);

  Result<RefPtr<NinepFid>> new_fid();
  Result<void> close(NinepFid& fid);  // what the server says to that, which drop_reference does not wait for
  void retire(NinepFid& fid);
  void clunk_retired();
  static void clunked(MessageRequest& request, Result<std::size_t> answer);

  static constexpr std::size_t kMostSlots = 6;
  static constexpr std::size_t kMostClunks = 16;
  static constexpr std::size_t kClunkRoom = 64;  // bytes: the request, and its answer in the second half
  static constexpr std::uint16_t kFirstClunkTag = 0x100;

  MessageChannel& channel_;
  // Constant after start().
  unsigned slot_order_ = 0;
  std::size_t slot_count_ = kMostSlots;
  std::uint32_t message_size_ = 0;  // the most that either side sends

  SpinLock slots_lock_{LockRank::kDentries};
  Slot slots_[kMostSlots];
  Slot page_slot_;
  WaitQueue slot_released_;

  struct Clunk {
    MessageRequest request;
    NinepClient* client = nullptr;
    NinepFid* fid = nullptr;  // null: free
  };
  SpinLock fids_lock_{LockRank::kDentries};
  std::uint32_t next_number_ GUARDED_BY(fids_lock_) = 0;
  NinepFid* unused_ GUARDED_BY(fids_lock_) = nullptr;   // the server does not know them: to be used again
  NinepFid* retired_ GUARDED_BY(fids_lock_) = nullptr;  // the server is still to be told
  Clunk clunks_[kMostClunks] GUARDED_BY(fids_lock_);
  PhysAddr clunk_memory_;
};

}  // namespace mokapot
