// SPDX-License-Identifier: Apache-2.0
//
// Puts off the interrupts by which wakes reach other CPUs to its end, for who wakes with locks held: an interrupt to
// another CPU takes long in a virtual machine (the write to the APIC leaves the guest, and waits there for whoever else
// has left it), and those who are woken want the locks first of all.
//
// A stretch without preemption, which may be nested and begin with a lock held or in an interrupt; declared before the
// guards of the locks, it ends after them. What an interrupt handler of this CPU wakes meanwhile is put off as well;
// what another CPU wakes is not.
// No lock. Contexts: any but NMI.
#pragma once

namespace mokapot {

class KickBatch {
 public:
  KickBatch();
  ~KickBatch();
  KickBatch(const KickBatch&) = delete;
  KickBatch& operator=(const KickBatch&) = delete;
};

}  // namespace mokapot
