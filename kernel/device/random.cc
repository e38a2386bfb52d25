// SPDX-License-Identifier: Apache-2.0
//
// The generator: ChaCha20 with fast key erasure. Each request takes one block of key stream from
// the key; half of it replaces the key, so that what was given out before cannot be computed from
// memory read later; the other half is a one-time key for this request's own stream.
//
// Lock: one spinlock, interrupts off, held for one block at most. Its rank is that of the innermost
// hardware locks, because anybody may want a random number. Contexts: any but NMI.

#include "device/random.h"

#include <algorithm>
#include <cstring>

#include "device/chacha20.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kKeySize = kChaChaKeyWords * sizeof(std::uint32_t);

// Separates the two uses of the key: what is mixed in never repeats a block that was given out.
constexpr std::uint32_t kNonceGenerate[3] = {0, 0, 0};
constexpr std::uint32_t kNonceMix[3] = {1, 0, 0};

constinit SpinLock lock{LockRank::kIrq};
std::uint32_t key[kChaChaKeyWords] GUARDED_BY(lock) = {};

// Overwrites in a way that the compiler may not leave out as a dead store.
void erase(void* secret, std::size_t size) {
  std::memset(secret, 0, size);
  // SAFETY: no instruction; tells the compiler that the memory is looked at.
  asm volatile("" : : "r"(secret) : "memory");
}

void mix_locked(const std::uint8_t* bytes, std::size_t size) REQUIRES(lock) {
  std::uint32_t piece[kChaChaKeyWords] = {};
  std::memcpy(piece, bytes, size);
  for (std::size_t i = 0; i < kChaChaKeyWords; ++i) key[i] ^= piece[i];
  // The length goes into the counter, so that trailing zeroes differ from nothing at all.
  std::uint8_t block[kChaChaBlockSize];
  chacha20_block(key, static_cast<std::uint32_t>(size), kNonceMix, block);
  std::memcpy(key, block, kKeySize);
  erase(block, sizeof(block));
  erase(piece, sizeof(piece));
}

}  // namespace

void add_entropy(const void* bytes, std::size_t size) {
  // SAFETY: any object may be looked at as bytes.
  const auto* from = static_cast<const std::uint8_t*>(bytes);
  while (size > 0) {
    const std::size_t piece = std::min(size, kKeySize);
    IrqSpinGuard guard(lock);
    mix_locked(from, piece);
    from += piece;
    size -= piece;
  }
}

void random_bytes(void* to, std::size_t size) {
  std::uint8_t block[kChaChaBlockSize];
  std::uint32_t own_key[kChaChaKeyWords];
  {
    IrqSpinGuard guard(lock);
    chacha20_block(key, 0, kNonceGenerate, block);
    std::memcpy(key, block, kKeySize);
  }
  // SAFETY: as above.
  auto* out = static_cast<std::uint8_t*>(to);
  if (size <= sizeof(block) - kKeySize) {  // the usual case needs no second block
    std::memcpy(out, block + kKeySize, size);
  } else {
    std::memcpy(own_key, block + kKeySize, kKeySize);
    for (std::uint32_t counter = 0; size > 0; ++counter) {
      chacha20_block(own_key, counter, kNonceGenerate, block);
      const std::size_t piece = std::min(size, sizeof(block));
      std::memcpy(out, block, piece);
      out += piece;
      size -= piece;
    }
    erase(own_key, sizeof(own_key));
  }
  erase(block, sizeof(block));
}

}  // namespace mokapot
