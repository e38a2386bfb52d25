// SPDX-License-Identifier: Apache-2.0
//
// The device around the ports: its set-up and the control queues, on which the host announces,
// names and opens ports.
//
// Control messages are handled in thread context by a work item, because a new port needs memory
// and is registered. Lock: control_lock_ (rank kDeviceQueue), interrupts off, for the two control
// queues.

#include "drivers/virtio_console.h"

#include <algorithm>
#include <cstring>

#include "base/format.h"
#include "base/ref_counted.h"
#include "drivers/console_port.h"
#include "sched/work_queue.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr unsigned kFeatureMultiport = 1;
constexpr std::uint32_t kConfigurationMaxPorts = 4;
// The queues of a port must be set up before the device runs, and cost memory; the launcher uses
// four.
constexpr std::uint32_t kMaxPorts = 8;
constexpr std::uint16_t kControlReceiveQueue = 2;
constexpr std::uint16_t kControlTransmitQueue = 3;
constexpr std::uint16_t kControlQueueSize = 32;

enum Event : std::uint16_t {
  kDeviceReady = 0,
  kPortAdd = 1,
  kPortRemove = 2,
  kPortReady = 3,
  kConsolePort = 4,
  kPortOpen = 6,
  kPortName = 7,
};
struct ControlMessage {
  std::uint32_t port;
  std::uint16_t event;
  std::uint16_t value;
};
static_assert(sizeof(ControlMessage) == 8);

constexpr std::size_t kControlBuffers = 16;      // in each direction
constexpr std::size_t kControlBufferSize = 128;  // a message and a name

constexpr std::uint16_t receive_queue_of(std::uint32_t port) {
  return static_cast<std::uint16_t>(port == 0 ? 0 : 2 * port + 2);
}
constexpr std::uint16_t transmit_queue_of(std::uint32_t port) {
  return static_cast<std::uint16_t>(receive_queue_of(port) + 1);
}

class VirtioConsole final : public VirtioInterruptTarget {
 public:
  explicit VirtioConsole(std::unique_ptr<VirtioTransport> transport)
      : transport_(std::move(transport)), control_work_(*this) {}

  Result<void> start();
  void abandon() { fail_device(*transport_); }
  const char* where() const { return transport_->name(); }

  bool handle_queues() override;
  // The size of a terminal, which the launcher tells on its own channel.
  void handle_configuration_change() override {}

 private:
  // A work item that knows whose it is.
  struct ControlWork : WorkItem {
    explicit ControlWork(VirtioConsole& console)
        : WorkItem([](WorkItem& item) {
            static_cast<ControlWork&>(item).console_.handle_control_messages();
          }),
          console_(console) {}
    VirtioConsole& console_;
  };

  Result<void> set_up_ports(std::uint32_t count, std::uint64_t features);
  Result<void> start_control();
  void handle_control_messages();
  bool take_control_message(ControlMessage& message, char* name, std::size_t& name_size);
  void handle_control_message(const ControlMessage& message, const char* name,
                              std::size_t name_size);
  void handle_port_added(ConsolePort& port);
  void announce(ConsolePort& port);
  void send_control(std::uint32_t port, Event event, std::uint16_t value);
  void give_control_buffer_locked(std::uint32_t buffer) REQUIRES(control_lock_);

  const std::unique_ptr<VirtioTransport> transport_;
  ControlWork control_work_;
  DmaMemory queue_memory_;
  std::unique_ptr<ConsolePort> ports_[kMaxPorts];  // constant after start()
  std::uint32_t port_count_ = 0;
  bool multiport_ = false;

  SpinLock control_lock_{LockRank::kDeviceQueue};
  OwnedQueue control_receive_ GUARDED_BY(control_lock_);
  OwnedQueue control_transmit_ GUARDED_BY(control_lock_);
  DmaMemory control_memory_ GUARDED_BY(control_lock_);  // receive buffers, then transmit buffers
  std::uint32_t transmit_busy_ GUARDED_BY(control_lock_) = 0;
};

Result<void> VirtioConsole::start() {
  const std::uint64_t features =
      TRY(negotiate(*transport_, feature_bit(kFeatureMultiport) | feature_bit(kFeatureEventIndex)));
  multiport_ = (features & feature_bit(kFeatureMultiport)) != 0;
  TRY(transport_->connect(*this));
  std::uint32_t count = 1;
  if (multiport_) {
    const std::uint32_t offered = transport_->read_configuration32(kConfigurationMaxPorts);
    count = std::clamp<std::uint32_t>(offered, 1, kMaxPorts);
  }
  TRY(set_up_ports(count, features));
  if (multiport_) {
    OwnedQueue receive =
        TRY(set_up_queue(*transport_, kControlReceiveQueue, kControlQueueSize, features));
    OwnedQueue transmit =
        TRY(set_up_queue(*transport_, kControlTransmitQueue, kControlQueueSize, features));
    DmaMemory buffers = TRY(DmaMemory::allocate(2 * kControlBuffers * kControlBufferSize));
    IrqSpinGuard guard(control_lock_);
    control_receive_ = std::move(receive);
    control_transmit_ = std::move(transmit);
    control_memory_ = std::move(buffers);
    control_transmit_.rings.disable_interrupt();
  }
  start_device(*transport_);
  if (multiport_) return start_control();
  ConsolePort& only = *ports_[0];
  TRY(only.start_receiving());
  only.set_name("console", sizeof("console"));
  only.set_connected(true);
  announce(only);
  return {};
}

Result<void> VirtioConsole::set_up_ports(std::uint32_t count, std::uint64_t features) {
  // All ports' rings in one block: small queues in a frame each would waste most of it.
  const std::size_t ring_size = Virtqueue::memory_size(ConsolePort::kQueueSize);
  const auto event_index = (features & feature_bit(kFeatureEventIndex)) != 0
                               ? Virtqueue::EventIndex::kYes
                               : Virtqueue::EventIndex::kNo;
  queue_memory_ = TRY(DmaMemory::allocate(2 * count * ring_size));
  std::size_t offset = 0;
  const auto make_queue = [&](std::uint16_t number) -> Result<Virtqueue> {
    if (transport_->queue_size_limit(number) < ConsolePort::kQueueSize) return Errno::kENODEV;
    Virtqueue rings =
        TRY(Virtqueue::create(ConsolePort::kQueueSize, queue_memory_.at<std::uint8_t>(offset),
                              queue_memory_.address(offset), event_index));
    offset += ring_size;
    TRY(transport_->enable_queue(number, rings));
    return rings;
  };
  for (std::uint32_t id = 0; id < count; ++id) {
    const std::uint16_t receive = receive_queue_of(id), transmit = transmit_queue_of(id);
    ports_[id] = TRY(make_unique_or_error<ConsolePort>(*transport_, id, receive, transmit));
    Virtqueue receive_rings = TRY(make_queue(receive));
    Virtqueue transmit_rings = TRY(make_queue(transmit));
    ports_[id]->set_queues(std::move(receive_rings), std::move(transmit_rings));
    port_count_ = id + 1;
  }
  return {};
}

void VirtioConsole::give_control_buffer_locked(std::uint32_t buffer) {
  const DmaBuffer piece{control_memory_.address(buffer * kControlBufferSize), kControlBufferSize,
                        DmaBuffer::Direction::kDeviceWrites};
  (void)control_receive_.rings.add(std::span(&piece, 1), buffer);
}

Result<void> VirtioConsole::start_control() {
  bool notify = false;
  {
    IrqSpinGuard guard(control_lock_);
    for (std::uint32_t i = 0; i < kControlBuffers; ++i) give_control_buffer_locked(i);
    (void)control_receive_.rings.enable_interrupt();
    notify = control_receive_.rings.publish();
  }
  if (notify) transport_->notify(kControlReceiveQueue);
  expect_stream_ports(true);
  send_control(0, kDeviceReady, 1);
  return {};
}

bool VirtioConsole::handle_queues() {
  for (std::uint32_t i = 0; i < port_count_; ++i) ports_[i]->handle_interrupt();
  if (!multiport_) return false;
  bool messages = false;
  {
    IrqSpinGuard guard(control_lock_);
    messages = control_receive_.rings.has_completions();
  }
  if (messages) enqueue_work(control_work_);
  return false;  // all stays in the rings until threads take it
}

bool VirtioConsole::take_control_message(ControlMessage& message, char* name,
                                         std::size_t& name_size) {
  bool notify = false;
  {
    IrqSpinGuard guard(control_lock_);
    auto received = control_receive_.rings.take();
    while (!received) {
      if (control_receive_.rings.enable_interrupt()) return false;
      received = control_receive_.rings.take();
    }
    const std::size_t size = std::min<std::size_t>(received->written, kControlBufferSize);
    const auto* bytes = control_memory_.at<char>(received->token * kControlBufferSize);
    message = {UINT32_MAX, UINT16_MAX, 0};  // what a message too short for its header is: unknown
    name_size = 0;
    if (size >= sizeof(message)) {
      std::memcpy(&message, bytes, sizeof(message));
      name_size = size - sizeof(message);
      std::memcpy(name, bytes + sizeof(message), name_size);
    }
    give_control_buffer_locked(received->token);
    notify = control_receive_.rings.publish();
  }
  if (notify) transport_->notify(kControlReceiveQueue);
  return true;
}

void VirtioConsole::handle_control_messages() {
  ControlMessage message;
  char name[kControlBufferSize];
  std::size_t name_size = 0;
  while (take_control_message(message, name, name_size))
    handle_control_message(message, name, name_size);
}

void VirtioConsole::handle_control_message(const ControlMessage& message, const char* name,
                                           std::size_t name_size) {
  if (message.port >= port_count_) {
    if (message.event == kPortAdd) {
      LOG_WARNING("virtio-console %s: port %u is not used; at most %u are (max_ports)", where(),
                  message.port, kMaxPorts);
      send_control(message.port, kPortReady, 0);
    }
    return;
  }
  ConsolePort& port = *ports_[message.port];
  switch (message.event) {
    case kPortAdd:
      handle_port_added(port);
      break;
    case kPortRemove:
      port.set_connected(false);
      break;
    case kPortOpen:
      port.set_connected(message.value != 0);
      break;
    case kPortName:
      if (port.named()) break;  // a name is for good
      port.set_name(name, name_size);
      announce(port);
      break;
    case kConsolePort:  // a terminal; those of the launcher have names, others get one
      if (!port.named()) {
        char text[16];
        port.set_name(text, format_to(text, sizeof(text), "hvc%u", message.port));
        announce(port);
      }
      break;
    default:  // terminal sizes and what later versions add
      break;
  }
}

void VirtioConsole::handle_port_added(ConsolePort& port) {
  const Result<void> started = port.start_receiving();
  send_control(port.id(), kPortReady, started.ok() ? 1 : 0);
  if (!started.ok()) {
    LOG_ERROR("virtio-console %s: no memory for port %u", where(), port.id());
    return;
  }
  // Our end is always open: whoever reads the port later finds what has come meanwhile.
  send_control(port.id(), kPortOpen, 1);
}

void VirtioConsole::announce(ConsolePort& port) {
  if (!port.named()) return;
  LOG_INFO("virtio-console %s: port %u is \"%s\"", where(), port.id(), port.name());
  register_stream_port(&port);
}

void VirtioConsole::send_control(std::uint32_t port, Event event, std::uint16_t value) {
  bool notify = false;
  {
    IrqSpinGuard guard(control_lock_);
    while (const auto sent = control_transmit_.rings.take()) transmit_busy_ &= ~(1u << sent->token);
    std::uint32_t buffer = 0;
    while (buffer < kControlBuffers && (transmit_busy_ & (1u << buffer)) != 0) ++buffer;
    if (buffer == kControlBuffers) {
      // The host leaves 16 answers unread: the port stays closed, which it sees.
      LOG_WARNING("virtio-console %s: the host does not read control messages", where());
      return;
    }
    const std::uint64_t offset = (kControlBuffers + buffer) * kControlBufferSize;
    *control_memory_.at<ControlMessage>(offset) = {port, event, value};
    const DmaBuffer piece{control_memory_.address(offset), sizeof(ControlMessage),
                          DmaBuffer::Direction::kDeviceReads};
    if (!control_transmit_.rings.add(std::span(&piece, 1), buffer).ok()) return;
    transmit_busy_ |= 1u << buffer;
    notify = control_transmit_.rings.publish();
  }
  if (notify) transport_->notify(kControlTransmitQueue);
}

}  // namespace

void start_virtio_console(std::unique_ptr<VirtioTransport> transport) {
  auto made = make_unique_or_error<VirtioConsole>(std::move(transport));
  if (!made.ok()) {
    LOG_ERROR("virtio-console: out of memory");
    return;
  }
  // Lives for good: its ports are registered, or its interrupts at least connected.
  VirtioConsole* console = made.take().release();
  const Result<void> started = console->start();
  if (!started.ok()) {
    LOG_ERROR("virtio-console %s: not usable: %s", console->where(), errno_name(started.error()));
    console->abandon();
  }
}

}  // namespace mokapot
