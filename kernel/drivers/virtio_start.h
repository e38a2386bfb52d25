// SPDX-License-Identifier: Apache-2.0
//
// How a driver's device comes to life, or is given up. Boot; thread context.
#pragma once

#include <memory>
#include <utility>

#include "base/errno.h"
#include "base/ref_counted.h"
#include "drivers/virtio.h"
#include "trace/log.h"

namespace mokapot {

// Makes a Device of the transport, starts it and has it registered by `enter`, after which it lives for good. nullptr:
// it is not usable, which the log says under `kind`.
template <typename Device, typename Enter>
Device* start_virtio_device(const char* kind, std::unique_ptr<VirtioTransport> transport, Enter enter) {
  const char* name = transport->name();  // the device keeps the transport
  auto made = make_unique_or_error<Device>(std::move(transport));
  if (!made.ok()) {
    LOG_ERROR("%s: out of memory", kind);
    return nullptr;
  }
  std::unique_ptr<Device> device = made.take();
  Result<void> started = device->start();
  if (started.ok()) started = enter(device.get());
  if (started.ok()) return device.release();
  LOG_ERROR("%s %s: not usable: %s", kind, name, errno_name(started.error()));
  device->abandon();
  // Interrupts stay connected, so what they lead to must stay as well.
  if (device->interrupts_connected()) (void)device.release();
  return nullptr;
}

}  // namespace mokapot
