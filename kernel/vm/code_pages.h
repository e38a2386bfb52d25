// SPDX-License-Identifier: Apache-2.0
//
// Pages that may be written and executed, on machines whose processors do not fetch instructions whole.
//
// A compiler replaces an instruction that others may be executing by one store, and every x86 processor executes the old
// one or the new one. QEMU's TCG translates by reading one byte after another: a virtual CPU that translates while another
// writes puts together an instruction that was never in memory, or goes on executing what it translated just before the
// store. (accel/tcg of QEMU 7.2: notdirty_write drops the old translation before the store is made, and tb_gen_code
// protects the page only when its translation is done. From 8.1 on it is protected before.)
//
// There such a page is lent: it can be written to or executed, never both. The first access of the other kind faults, and
// changes that once no CPU has the old rights any more. Since a CPU that translates answers no interrupt, nobody translates
// from a page that can be written to. A page whose own code writes to it has both rights: no turn could last for one instruction.
#pragma once

#include "vm/address_space.h"
#include "vm/protection.h"

namespace mokapot {

// Boot, before the application: whether pages are lent.
void lend_code_pages(bool lend);

// Whether a page of a region with this protection can have only some of its rights at a time.
bool lends_pages(Protection protection);
// The rights of an entry that is made or changed in such a region: for an access, and while nobody has asked.
// Any other region's protection is returned as it is.
Protection rights_for(Protection protection, FaultAccess access, bool by_own_code);
Protection rights_unasked(Protection protection);

}  // namespace mokapot
