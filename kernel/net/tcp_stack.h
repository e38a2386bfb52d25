// SPDX-License-Identifier: Apache-2.0
//
// TCP connections and listeners through lwIP. Bytes to send stay in the buffer that they were copied into until they
// are acknowledged; lwIP's segments refer to them. Bytes that have come are read out of the buffers that they came in,
// and the window is opened in large steps.
//
// A connection's control block holds a reference to its StackTcpEndpoint from take_over() until lwIP frees the
// block, which it tells through the block's extension argument whatever the reason.
//
// Locks: the core lock guards the control block and what is queued for it; lwIP's callbacks run under it. It is
// taken before the endpoint's lock_.
#pragma once

#include "net/stack.h"
#include "net/tcp_endpoint.h"

#include "lwip/tcp.h"

namespace mokapot {

class StackTcpEndpoint final : public TcpEndpoint, private NetCoreWork {
 public:
  using TcpEndpoint::TcpEndpoint;
  ~StackTcpEndpoint() override;

  // Begins to connect. kENOBUFS, kENETUNREACH, kEADDRINUSE: such a connection exists.
  static Result<RefPtr<StackTcpEndpoint>> connect(const InetEndpoint& from, const InetEndpoint& to,
                                                  const TcpSettings& settings, std::uint32_t interface);
  // A connection that a listener has taken in. kENOMEM.
  static Result<RefPtr<StackTcpEndpoint>> accepted(tcp_pcb& pcb) REQUIRES(net_core_lock());
  // Undoes accepted(): the control block is the caller's again.
  void give_back() REQUIRES(net_core_lock());

  std::size_t room() override;
  bool is_writable() override;
  Result<pbuf*> transmit(pbuf* data, More more) override;
  void transmit_urgent(std::uint8_t byte) override;
  void end_sending() override;
  void apply(const TcpSettings& settings) override;
  void push(Nagle nagle) override;
  TcpFigures figures() override;
  std::size_t never_sent() override;
  std::size_t unsent() override { return queued_.load(std::memory_order_acquire); }
  void want_drained() override { wants_drained_.store(true, std::memory_order_seq_cst); }
  bool is_drained() override;
  void close(Close how) override;

  static void initialise() REQUIRES(net_core_lock());  // boot, once
  // The window that a listener's sockets leave to a connection that is being made.
  static void limit_window(tcp_pcb& pcb, const TcpSettings& settings) REQUIRES(net_core_lock());

 private:
  void consumed(std::size_t bytes) override;
  // What was put off to the end of a batch: opens the window, and tells the socket that data has come.
  void run_in_core() override REQUIRES(net_core_lock());
  std::size_t limit() const { return limit_.load(std::memory_order_relaxed); }

  void take_over(tcp_pcb& pcb) REQUIRES(net_core_lock());
  void apply_locked(const TcpSettings& settings) REQUIRES(net_core_lock());
  void output(More more) REQUIRES(net_core_lock());
  void return_window() REQUIRES(net_core_lock());
  void update_limit() REQUIRES(net_core_lock());
  void free_acknowledged(std::size_t bytes) REQUIRES(net_core_lock());
  void end_orderly();

  // lwIP's callbacks; the core lock is held.
  static err_t on_connected(void* self, tcp_pcb* pcb, err_t error) NO_THREAD_SAFETY_ANALYSIS;
  static err_t on_received(void* self, tcp_pcb* pcb, pbuf* data, err_t error) NO_THREAD_SAFETY_ANALYSIS;
  static err_t on_sent(void* self, tcp_pcb* pcb, u16_t bytes) NO_THREAD_SAFETY_ANALYSIS;
  static err_t on_poll(void* self, tcp_pcb* pcb) NO_THREAD_SAFETY_ANALYSIS;
  static void on_error(void* self, err_t error) NO_THREAD_SAFETY_ANALYSIS;
  static void on_freed(u8_t id, void* self) NO_THREAD_SAFETY_ANALYSIS;
  static const tcp_ext_arg_callbacks kExtension;

  tcp_pcb* pcb_ GUARDED_BY(net_core_lock()) = nullptr;       // null once lwIP has freed it
  pbuf* sent_first_ GUARDED_BY(net_core_lock()) = nullptr;   // bytes that are not acknowledged
  pbuf* sent_last_ GUARDED_BY(net_core_lock()) = nullptr;
  std::size_t sent_offset_ GUARDED_BY(net_core_lock()) = 0;  // of sent_first_: acknowledged already
  std::size_t wanted_limit_ GUARDED_BY(net_core_lock()) = 0; // SO_SNDBUF; 0: by the window
  std::uint64_t bytes_received_ GUARDED_BY(net_core_lock()) = 0;
  std::uint32_t pieces_received_ GUARDED_BY(net_core_lock()) = 0;
  Instant last_received_ GUARDED_BY(net_core_lock());
  std::atomic<std::size_t> queued_{0};                       // bytes from sent_first_ on
  std::atomic<std::size_t> limit_{0};                        // of queued_
  std::atomic<bool> stalled_{false};                         // lwIP had no room for a segment
  std::atomic<bool> wants_drained_{false};
  std::atomic<std::size_t> unreturned_{0};                   // bytes read for which the window is still closed
  std::atomic<std::size_t> window_step_{1};                  // how many may be
  std::atomic<bool> is_posted_{false};                       // run_in_core() is due, and has a reference
  bool has_news_ GUARDED_BY(net_core_lock()) = false;        // of data, for the socket
};

// lwIP's listener on one address and port, shared by the sockets that share the port.
class StackListener : public RefCounted<StackListener> {
 public:
  // kENOBUFS, kEADDRINUSE.
  static Result<RefPtr<StackListener>> open(const InetEndpoint& local, V6Only v6_only, std::uint32_t interface);
  StackListener(const InetEndpoint& local, V6Only v6_only) : local_(local), v6_only_(v6_only) {}
  ~StackListener();
  static void initialise();  // boot, once

  ListHook list_hook;  // the list of all, core lock

 private:
  void end() REQUIRES(net_core_lock());
  static StackListener* find(const InetEndpoint& local, V6Only v6_only) REQUIRES(net_core_lock());
  static err_t on_accept(void* self, tcp_pcb* pcb, err_t error) NO_THREAD_SAFETY_ANALYSIS;
  static err_t on_passive_open(u8_t id, tcp_pcb_listen* listener, tcp_pcb* pcb) NO_THREAD_SAFETY_ANALYSIS;

  const InetEndpoint local_;
  const V6Only v6_only_;
  tcp_pcb* pcb_ GUARDED_BY(net_core_lock()) = nullptr;
};

}  // namespace mokapot
