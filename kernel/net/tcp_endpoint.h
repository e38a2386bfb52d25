// SPDX-License-Identifier: Apache-2.0
//
// One end of a TCP connection: its state, what it has received, and a way to send, of which there are two. Between
// two sockets of the VM bytes go from one end's call straight into the other's queue (LocalTcpEndpoint); all
// others go through lwIP (StackTcpEndpoint). What a socket shows of both is the same, and Linux's.
//
// An end outlives its socket while the stack still has to say good-bye, and precedes it while a connection waits to
// be accepted.
//
// Locks: lock_ (rank kReadiness) guards the queue and the way to the socket, which is notified under it. State,
// error and counters are atomic, written under lock_, so that poll and waiting threads need not take it.
// Reading is by one thread at a time, which the socket sees to. Thread context.
#pragma once

#include <atomic>
#include <span>

#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "io/file.h"
#include "net/inet_address.h"
#include "sync/spinlock.h"
#include "vm/user_access.h"

struct pbuf;

namespace mokapot {

// Linux's numbers, as TCP_INFO and /proc/net/tcp show them.
enum class TcpState : std::uint8_t {
  kEstablished = 1, kSynSent, kSynReceived, kFinWait1, kFinWait2, kTimeWait, kClosed, kCloseWait, kLastAck, kListen,
  kClosing
};

// What TCP_INFO is made of.
struct TcpFigures {
  std::uint32_t send_mss = 0, receive_mss = 0, round_trip_us = 0, round_trip_variance_us = 0, retransmit_us = 0;
  std::uint32_t least_round_trip_us = 0;
  std::uint32_t congestion_window = 0, slow_start_threshold = 0, unacknowledged = 0, retransmits = 0;  // segments
  std::uint32_t selectively_acknowledged = 0, lost = 0, retransmitting = 0, total_retransmits = 0;     // segments
  std::uint32_t delivered = 0, duplicates_reported = 0, reordering_seen = 0;
  std::uint32_t send_window = 0, receive_window = 0, not_sent_bytes = 0;
  std::uint32_t last_data_sent_ms = 0, last_data_received_ms = 0, last_ack_received_ms = 0;            // ago
  std::uint32_t segments_out = 0, segments_in = 0, data_segments_out = 0, data_segments_in = 0;
  std::uint64_t bytes_sent = 0, bytes_retransmitted = 0, bytes_acknowledged = 0, bytes_received = 0;
  std::uint8_t congestion_state = 0, backoff = 0, probes = 0;  // Linux's numbers
  std::uint8_t send_scale = 0, receive_scale = 0;
  bool timestamps = false, selective_acks = false, scaling = false;
};

struct TcpSettings {
  bool no_delay = false, keep_alive = false;
  std::uint32_t keep_idle_s = 0, keep_interval_s = 0, keep_count = 0;
  std::uint8_t type_of_service = 0, time_to_live = 64;
  std::uint32_t user_timeout_ms = 0;
  std::size_t send_limit = 0, receive_limit = 0;  // bytes that may be queued; 0: as the connection sees fit
  std::uint32_t window_clamp = 0;                 // bytes that the peer may send ahead; 0: no limit
};

class TcpEndpoint : public RefCounted<TcpEndpoint> {
 public:
  static constexpr std::uint8_t kReceiveEnded = 1, kSendEnded = 2, kBothEnded = 3;
  enum class Consume : std::uint8_t { kNo, kYes };
  enum class Close : std::uint8_t { kOrderly, kReset };

  TcpEndpoint(const InetEndpoint& local_end, const InetEndpoint& remote_end, TcpState state)
      : local(local_end), remote(remote_end), state_(state) {}
  virtual ~TcpEndpoint();

  const InetEndpoint local, remote;

  // --- What poll and waiting threads ask; no locks.
  TcpState state() const { return state_.load(std::memory_order_acquire); }
  std::uint8_t ended() const { return ended_.load(std::memory_order_acquire); }
  bool peer_finished() const { return peer_finished_.load(std::memory_order_acquire); }  // a FIN has come
  bool has_error() const { return error_.load(std::memory_order_acquire) != 0; }
  std::size_t received() const { return received_.load(std::memory_order_acquire); }
  int urgent_byte() const { return urgent_.load(std::memory_order_acquire); }  // -1: none
  Errno take_error() { return static_cast<Errno>(error_.exchange(0, std::memory_order_acq_rel)); }

  // --- The socket's side.
  // `socket` is notified from now on; it detaches before it dies.
  void attach(File& socket);
  // Moves what there is, at most `most`, from `skip` bytes on, and takes it off the queue if told to. into == nullptr
  // drops it instead. kEFAULT if the first byte could not be moved.
  Result<std::size_t> read(IoBuffer* into, std::size_t most, std::size_t skip, Consume consume);
  int take_urgent(Consume consume);
  void end_receiving();  // SHUT_RD

  // A listener has room for the connection, which waited for that. False: the peer has given up meanwhile.
  virtual bool complete() { return true; }

  // Bytes that may be sent now, and whether so many that poll says so.
  virtual std::size_t room() = 0;
  virtual bool is_writable() = 0;
  // Somebody waits for room: kPollWritable will be announced once. To be followed by another look at room().
  virtual void want_room() { wants_room_.store(true, std::memory_order_seq_cst); }
  // Queues buffers, chained by next, and returns those that there was no room for after all, nullptr if it has taken
  // over all. kENOBUFS, kEPIPE: it has taken none.
  enum class More : std::uint8_t { kNo, kYes };
  virtual Result<pbuf*> transmit(pbuf* data, More more) = 0;
  virtual void transmit_urgent(std::uint8_t byte) = 0;
  virtual void end_sending() = 0;  // SHUT_WR: a FIN after what is queued
  virtual void apply(const TcpSettings& settings) = 0;
  // Sends what TCP_CORK, MSG_MORE and a lack of room have held back; kPassed: and what Nagle's algorithm does.
  enum class Nagle : std::uint8_t { kHeeded, kPassed };
  virtual void push(Nagle) {}
  virtual TcpFigures figures() = 0;
  virtual std::size_t unsent() = 0;  // SIOCOUTQ: queued and not acknowledged
  virtual std::size_t never_sent() { return 0; }  // SIOCOUTQNSD: of these, what has not been sent yet

  // close(2) with SO_LINGER waits on the socket's readiness until is_drained(); the wait is announced first.
  virtual void want_drained() {}
  virtual bool is_drained() { return true; }
  // The socket goes: detaches and ends the connection. Unread data makes it a reset.
  virtual void close(Close how) = 0;

  ListHook queue_hook;  // a listener's queue

 protected:
  // Appends to the queue. False: closed; data is still the caller's. kLater: the caller notifies.
  enum class Announce : std::uint8_t { kNow, kLater };
  bool append(pbuf* data, Announce announce);
  void establish();
  void take_fin();
  void fail(Errno error);        // reset, timed out, refused
  // A RST has come: the error is what Linux gives in that state.
  void take_reset();
  void set_urgent(std::uint8_t byte);
  bool out_of_band_inline() const { return urgent_inline_.load(std::memory_order_relaxed); }
  // Called by read() for bytes that left the queue, without locks.
  virtual void consumed(std::size_t bytes) = 0;
  // After room() grew, with wants_room the mark that want_room() left.
  void announce_room(std::atomic<bool>& wants_room);
  void notify(PollEvents events) EXCLUDES(lock_);
  void detach();                 // and forgets what was received; append() refuses from now on

  SpinLock lock_{LockRank::kReadiness};
  std::atomic<TcpState> state_;
  std::atomic<std::uint8_t> ended_{0};
  std::atomic<bool> peer_finished_{false}, wants_room_{false}, urgent_inline_{false};
  std::atomic<std::int16_t> urgent_{-1};
  std::atomic<std::int32_t> error_{0};
  std::atomic<std::uint32_t> received_{0};  // bytes in the queue
  bool closed_ GUARDED_BY(lock_) = false;

 public:
  void set_out_of_band_inline(bool on) { urgent_inline_.store(on, std::memory_order_relaxed); }

 private:
  struct Piece {
    const std::byte* data;
    std::size_t size;
  };
  std::size_t look(std::size_t skip, std::span<Piece> pieces);
  void drop_front(std::size_t bytes);

  File* socket_ GUARDED_BY(lock_) = nullptr;
  pbuf* first_ GUARDED_BY(lock_) = nullptr;  // chained by next; tot_len means nothing here
  pbuf* last_ GUARDED_BY(lock_) = nullptr;
};

}  // namespace mokapot
