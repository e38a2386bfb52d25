// SPDX-License-Identifier: Apache-2.0
//
// What sys_identity.cc keeps and /proc shows.
#pragma once

namespace mokapot {

// How many supplementary groups setgroups has named: all of them are group 0, the only one.
unsigned supplementary_group_count();

}  // namespace mokapot
