// SPDX-License-Identifier: Apache-2.0
//
// The cached pages of one file by number: a radix tree with 64 slots a node, as high as its largest index
// needs. A terabyte-sized sparse file costs nothing until pages are in it.
//
// Locks: none of its own; the file's page lock guards it. Never blocks; insert may fail for memory.
#pragma once

#include <cstdint>
#include <new>

#include "base/result.h"
#include "memory/frames.h"

namespace mokapot {

class PageTree {
 public:
  PageTree() = default;
  PageTree(const PageTree&) = delete;
  PageTree& operator=(const PageTree&) = delete;
  ~PageTree() { ASSERT(root_ == nullptr); }

  Frame* find(std::uint64_t index) const {
    if (root_ == nullptr || !fits(index, height_)) return nullptr;
    void* at = root_;
    for (unsigned level = height_; level > 0 && at != nullptr; --level) {
      // SAFETY: below the top, slots of level > 1 hold Nodes and those of level 1 hold Frames.
      at = static_cast<Node*>(at)->slots[slot_of(index, level)];
    }
    return static_cast<Frame*>(at);
  }

  // The index must be free.
  Result<void> insert(std::uint64_t index, Frame* frame) {
    if (root_ == nullptr) {
      unsigned height = 1;
      while (!fits(index, height)) ++height;
      root_ = new (std::nothrow) Node{};
      if (root_ == nullptr) return Errno::kENOMEM;
      height_ = height;
    }
    while (!fits(index, height_)) {
      Node* above = new (std::nothrow) Node{};
      if (above == nullptr) return Errno::kENOMEM;
      above->slots[0] = root_;
      above->used = 1;
      root_ = above;
      ++height_;
    }
    Node* node = root_;
    for (unsigned level = height_; level > 1; --level) {
      void*& slot = node->slots[slot_of(index, level)];
      if (slot == nullptr) {
        slot = new (std::nothrow) Node{};
        if (slot == nullptr) {
          prune(index);
          return Errno::kENOMEM;
        }
        ++node->used;
      }
      node = static_cast<Node*>(slot);
    }
    void*& slot = node->slots[slot_of(index, 1)];
    ASSERT(slot == nullptr);
    slot = frame;
    ++node->used;
    ++size_;
    return {};
  }

  // Returns what was there, or null.
  Frame* remove(std::uint64_t index) {
    Frame* frame = find(index);
    if (frame == nullptr) return nullptr;
    Node* node = root_;
    for (unsigned level = height_; level > 1; --level) {
      node = static_cast<Node*>(node->slots[slot_of(index, level)]);
    }
    node->slots[slot_of(index, 1)] = nullptr;
    --node->used;
    --size_;
    prune(index);
    return frame;
  }

  // The first page at or after from; its number in found.
  Frame* next(std::uint64_t from, std::uint64_t& found) const {
    if (root_ == nullptr) return nullptr;
    return next_below(root_, height_, from, found, 0);
  }

  std::uint64_t size() const { return size_; }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1 << kBits;
  struct Node {
    void* slots[kSlots];
    unsigned used;
  };

  static bool fits(std::uint64_t index, unsigned height) {
    return height * kBits >= 64 || (index >> (height * kBits)) == 0;
  }
  static unsigned slot_of(std::uint64_t index, unsigned level) {
    return (index >> ((level - 1) * kBits)) & (kSlots - 1);
  }

  static Frame* next_below(Node* node, unsigned level, std::uint64_t from, std::uint64_t& found,
                           std::uint64_t base) {
    const unsigned shift = (level - 1) * kBits;
    unsigned slot = 0;
    if (from > base) {
      if (((from - base) >> shift) >= kSlots) return nullptr;
      slot = static_cast<unsigned>((from - base) >> shift);
    }
    for (; slot < kSlots; ++slot) {
      void* at = node->slots[slot];
      if (at == nullptr) continue;
      const std::uint64_t start = base + (std::uint64_t{slot} << shift);
      if (level == 1) {
        found = start;
        return static_cast<Frame*>(at);
      }
      if (Frame* frame = next_below(static_cast<Node*>(at), level - 1, from, found, start)) return frame;
    }
    return nullptr;
  }

  // Frees the empty nodes on the way to index, deepest first.
  void prune(std::uint64_t index) {
    while (root_ != nullptr) {
      Node* parent = nullptr;
      Node* node = root_;
      unsigned level = height_;
      while (level > 1) {
        Node* child = static_cast<Node*>(node->slots[slot_of(index, level)]);
        if (child == nullptr) break;
        parent = node;
        node = child;
        --level;
      }
      if (node->used != 0) return;
      if (parent == nullptr) {
        root_ = nullptr;
        height_ = 0;
      } else {
        parent->slots[slot_of(index, level + 1)] = nullptr;
        --parent->used;
      }
      delete node;
    }
  }

  Node* root_ = nullptr;
  unsigned height_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace mokapot
