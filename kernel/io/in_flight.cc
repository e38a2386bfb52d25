// SPDX-License-Identifier: Apache-2.0
//
// The search. A socket all of whose references are messages on their way is a candidate. What candidates' own
// queues hold is taken from the counts: whoever still has some is held by a queue that somebody can read, or by a message
// that is being taken off right now. Those are put back, and all that they lead to; the rest is unreachable.
//
// References are counted before a file is in flight and given up after it has landed, so a count that is equal is no
// passing state: nobody but queues has the socket, and whoever could take it from a queue would have to hold that queue's.
#include "io/in_flight.h"

#include "base/global.h"
#include "io/unix_base.h"
#include "io/unix_message.h"
#include "sched/mutex.h"

namespace mokapot {

class InFlight {
 public:
  // The analysis does not see that the lambdas run under the mutex.
  void launch(UnixMessage& message) {
    MutexGuard guard(mutex_);
    for_each_socket(message, [this](UnixSocketBase& socket) NO_THREAD_SAFETY_ANALYSIS {
      if (socket.in_flight_++ == 0) sockets_.push_back(socket);
      ++count;
    });
  }
  void land(UnixMessage& message) {
    MutexGuard guard(mutex_);
    for_each_socket(message, [this](UnixSocketBase& socket) NO_THREAD_SAFETY_ANALYSIS {
      if (--socket.in_flight_ == 0) sockets_.erase(sockets_.iterator_to(socket));
      --count;
    });
  }
  // Moves to `found` the messages of sockets that nobody can reach.
  void search(UnixMessageList& found);

  std::atomic<std::size_t> count{0};  // written under the mutex
  std::atomic<std::size_t> requests{0};

 private:
  using State = UnixSocketBase::Reach;

  template <typename Visit>
  static void for_each_socket(UnixMessage& message, Visit visit) {
    if (!message.files) return;
    for (std::size_t i = 0; i < message.files->count(); ++i) {
      File& file = *(*message.files)[i];
      if (file.kind() != FileKind::kSocket) continue;
      if (static_cast<SocketFile&>(file).family() != kFamilyUnix) continue;
      visit(static_cast<UnixSocketBase&>(file));
    }
  }
  template <typename Visit>
  static void for_each_held(UnixSocketBase& holder, Visit visit) {
    auto each_queue = [](UnixMessageQueue& queue, void* context) {
      queue.for_each([context](UnixMessage& message) {
        for_each_socket(message, *static_cast<Visit*>(context));
        return true;
      });
    };
    holder.for_each_queue(each_queue, &visit);
  }

  using SpreadList = IntrusiveList<UnixSocketBase, &UnixSocketBase::spread_hook>;
  static void reach(UnixSocketBase& socket, SpreadList& spreading) {
    socket.reach_ = State::kReachable;
    spreading.push_back(socket);
  }

  Mutex mutex_{LockRank::kSocket};
  IntrusiveList<UnixSocketBase, &UnixSocketBase::in_flight_hook> sockets_ GUARDED_BY(mutex_);
};

namespace {
Global<InFlight> in_flight;
constexpr std::size_t kMany = 16000;  // Linux's figure
}  // namespace

// Outside the analysis: lambdas run under the mutex, which it does not see.
void InFlight::search(UnixMessageList& found) NO_THREAD_SAFETY_ANALYSIS {
  MutexGuard guard(mutex_);
  for (UnixSocketBase& socket : sockets_) {
    const bool candidate = socket.reference_count() == socket.in_flight_;
    socket.reach_ = candidate ? State::kUnknown : State::kReachable;
    socket.held_elsewhere_ = socket.in_flight_;
  }
  for (UnixSocketBase& socket : sockets_) {
    if (socket.reach_ != State::kUnknown) continue;
    for_each_held(socket, [](UnixSocketBase& held) {
      if (held.reach_ == State::kUnknown) --held.held_elsewhere_;
    });
  }
  // Spreads what is reachable along the queues; each socket is looked into once.
  SpreadList spreading;
  for (UnixSocketBase& socket : sockets_) {
    if (socket.reach_ == State::kUnknown && socket.held_elsewhere_ != 0) reach(socket, spreading);
  }
  while (!spreading.empty()) {
    UnixSocketBase& socket = spreading.front();
    spreading.pop_front();
    for_each_held(socket, [&spreading](UnixSocketBase& held) {
      if (held.reach_ == State::kUnknown) reach(held, spreading);
    });
  }
  for (UnixSocketBase& socket : sockets_) {
    if (socket.reach_ != State::kUnknown) continue;
    auto empty = [](UnixMessageQueue& queue, void* context) {
      queue.move_all_to(*static_cast<UnixMessageList*>(context));
    };
    socket.for_each_queue(empty, &found);
  }
}

void initialise_in_flight() {
  in_flight.construct();
  initialise_unix_messages();
}

void launch(UnixMessage& message) {
  if (!message.files || message.in_flight) return;
  message.in_flight = true;
  in_flight->launch(message);
  if (in_flight->count.load(std::memory_order_relaxed) > kMany) collect_unreachable_sockets();
}

void land(UnixMessage& message) {
  if (!message.in_flight) return;
  message.in_flight = false;
  in_flight->land(message);
}

void collect_unreachable_sockets() {
  if (in_flight->count.load(std::memory_order_relaxed) == 0) return;
  // One searches at a time; what ends meanwhile, also by the search itself, is another request to it.
  if (in_flight->requests.fetch_add(1, std::memory_order_acq_rel) != 0) return;
  std::size_t seen = 0;
  do {
    seen = in_flight->requests.load(std::memory_order_acquire);
    UnixMessageList found;
    in_flight->search(found);
    discard_messages(found);
  } while (!in_flight->requests.compare_exchange_strong(seen, 0, std::memory_order_acq_rel));
}

}  // namespace mokapot
