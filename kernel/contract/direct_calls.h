// SPDX-License-Identifier: Apache-2.0
//
// The table of direct calls of one program file: where in its text a jump may stand, by which a system call reaches
// the kernel without SYSCALL (docs/concepts/direct-calls.md). The launcher, which decodes the text, writes it into the
// image; the kernel applies it where the file is mapped. Numbers are little-endian.
//
//   header | sites, in order of place | steps | bytes
//
// A site is a run of instructions that ends with SYSCALL. The jump takes the place of the first one, which is at least
// as long as a jump, and of nothing else: all others stay, SYSCALL included, for whoever comes by another way. What
// the jump leads to are copies of all but the SYSCALL, one step each.
#pragma once

namespace mokapot::contract {

// The table of /usr/lib/libx.so is kDirectCallsFolder + "/usr/lib/libx.so".
inline constexpr const char* kDirectCallsFolder = "/usr/lib/mokapot/direct-calls";
inline constexpr unsigned long kDirectCallsMagic = 0x31'6c6c'6163'6b6d;  // "mkcall1"
inline constexpr unsigned kDirectCallsMostBytes = 1 << 20;
inline constexpr unsigned kDirectCallJumpSize = 5;    // of a site's first instruction, at the least
inline constexpr unsigned kDirectCallMostSteps = 12;
inline constexpr unsigned kDirectCallNoFixup = 0xff;

struct DirectCallsHeader {
  unsigned long magic;
  unsigned long segment_offset;   // in the file, of the segment with the text; a multiple of the page size
  unsigned long segment_address;  // where the file says that it lies; likewise
  unsigned long segment_size;
  unsigned sites, steps, bytes;   // how many of each follow
  unsigned reserved;
};
static_assert(sizeof(DirectCallsHeader) == 48);

struct DirectCallSite {
  unsigned place;          // of the first instruction, behind segment_address; the site lies in one page
  unsigned first_step;     // index of its steps, of which there is at least one
  unsigned original_at;    // index of original_size bytes: what the site holds, SYSCALL (0f 05) at the end
  unsigned copy_at;        // index of the bytes of the copies
  unsigned char steps, original_size, copy_size;
  unsigned char status_flags_unused;  // 1: the program replaces CF, PF, AF, ZF, SF and OF right after the SYSCALL
  unsigned char reserved[4];
};
static_assert(sizeof(DirectCallSite) == 24);

struct DirectCallStep {
  unsigned char original_size, copy_size;  // of one instruction
  unsigned char fixup;     // where in the copy 4 bytes lie that are the distance from the copy's end to target
  unsigned char reserved[5];
  unsigned long target;    // address, as segment_address counts
};
static_assert(sizeof(DirectCallStep) == 16);

}  // namespace mokapot::contract
