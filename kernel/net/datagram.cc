// SPDX-License-Identifier: Apache-2.0
#include "net/datagram.h"

#include "time/clock.h"

#include "lwip/pbuf.h"

namespace mokapot {
namespace {

// What a datagram costs beside its bytes, as Linux counts it roughly.
constexpr std::size_t kOverhead = 768;

}  // namespace

Datagram::Datagram(const DatagramEnvelope& e, pbuf* d, std::size_t s)
    : envelope(e), size(s), came_at(wall_clock_nanoseconds()), data(d) {
  pbuf_ref(d);
}

Datagram* Datagram::create(const DatagramEnvelope& envelope, pbuf* data, std::size_t size) {
  return new (std::nothrow) Datagram(envelope, data, size);
}

Datagram::~Datagram() { pbuf_free(data); }

DatagramQueue::~DatagramQueue() {
  while (pop()) {
  }
}

bool DatagramQueue::push(Datagram* datagram, std::size_t most_bytes) {
  std::unique_ptr<Datagram> refused;  // ends after the lock
  SpinGuard guard(lock_);
  if (bytes_ + datagram->size + kOverhead > most_bytes && bytes_ != 0) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    refused.reset(datagram);
    return false;
  }
  bytes_ += datagram->size + kOverhead;
  waiting_.push_back(*datagram);
  count_.fetch_add(1, std::memory_order_release);
  return true;
}

std::unique_ptr<Datagram> DatagramQueue::pop() {
  SpinGuard guard(lock_);
  if (waiting_.empty()) return nullptr;
  std::unique_ptr<Datagram> first(&waiting_.front());
  waiting_.pop_front();
  bytes_ -= first->size + kOverhead;
  count_.fetch_sub(1, std::memory_order_release);
  return first;
}

std::unique_ptr<Datagram> DatagramQueue::copy_first() {
  SpinGuard guard(lock_);
  if (waiting_.empty()) return nullptr;
  const Datagram& first = waiting_.front();
  return std::unique_ptr<Datagram>(Datagram::create(first.envelope, first.data, first.size));
}

std::size_t DatagramQueue::first_size() {
  SpinGuard guard(lock_);
  return waiting_.empty() ? 0 : waiting_.front().size;
}

}  // namespace mokapot
