// SPDX-License-Identifier: Apache-2.0
//
// A treap with parent links: search tree by address, heap by a random priority, which keeps it shallow
// without case analysis. Every step is a loop: kernel stacks are small. See region.h.
#include <algorithm>

#include "vm/region.h"

namespace mokapot {

void RegionTree::update(Region& node) {
  node.largest_gap_ = std::max({node.gap_, largest(node.left_), largest(node.right_)});
}

void RegionTree::update_upwards(Region* node) {
  for (; node != nullptr; node = node->parent_) update(*node);
}

void RegionTree::replace_child(Region* parent, Region* old_child, Region* new_child) {
  if (parent == nullptr) {
    root_ = new_child;
  } else if (parent->left_ == old_child) {
    parent->left_ = new_child;
  } else {
    parent->right_ = new_child;
  }
  if (new_child != nullptr) new_child->parent_ = parent;
}

// node takes its parent's place; order is kept.
void RegionTree::rotate_up(Region& node) {
  Region& parent = *node.parent_;
  replace_child(parent.parent_, &parent, &node);
  Region* moved = nullptr;
  if (parent.left_ == &node) {
    moved = node.right_;
    parent.left_ = moved;
    node.right_ = &parent;
  } else {
    moved = node.left_;
    parent.right_ = moved;
    node.left_ = &parent;
  }
  if (moved != nullptr) moved->parent_ = &parent;
  parent.parent_ = &node;
  update(parent);
  update(node);
}

VirtAddr RegionTree::end_before(const Region* region) const {
  const Region* before = region != nullptr ? previous(*region) : last();
  return before != nullptr ? before->end_ : floor_;
}

void RegionTree::set_gap(Region& region) {
  const VirtAddr free_from = end_before(&region);
  region.gap_ = region.begin_ > free_from ? region.begin_ - free_from : 0;
  update_upwards(&region);
}

void RegionTree::insert(Region& region) {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  region.priority_ = random_;
  region.left_ = region.right_ = region.parent_ = nullptr;
  Region* parent = nullptr;
  Region** link = &root_;
  while (*link != nullptr) {
    parent = *link;
    link = region.begin_ < parent->begin_ ? &parent->left_ : &parent->right_;
  }
  *link = &region;
  region.parent_ = parent;
  ++count_;
  while (region.parent_ != nullptr && region.parent_->priority_ < region.priority_) {
    rotate_up(region);
  }
  set_gap(region);
  if (Region* after = next(region)) set_gap(*after);
}

void RegionTree::erase(Region& region) {
  Region* after = next(region);
  // Down to a place with at most one child, which then moves up.
  while (region.left_ != nullptr && region.right_ != nullptr) {
    rotate_up(region.left_->priority_ > region.right_->priority_ ? *region.left_ : *region.right_);
  }
  Region* child = region.left_ != nullptr ? region.left_ : region.right_;
  Region* parent = region.parent_;
  replace_child(parent, &region, child);
  region.left_ = region.right_ = region.parent_ = nullptr;
  --count_;
  update_upwards(parent);
  if (after != nullptr) set_gap(*after);
}

void RegionTree::set_bounds(Region& region, VirtAddr begin, VirtAddr end) {
  region.begin_ = begin;
  region.end_ = end;
  set_gap(region);
  if (Region* after = next(region)) set_gap(*after);
}

Region* RegionTree::first_ending_above(VirtAddr address) const {
  Region* best = nullptr;
  for (Region* node = root_; node != nullptr;) {
    if (node->end_ > address) {
      best = node;
      if (node->begin_ <= address) break;
      node = node->left_;
    } else {
      node = node->right_;
    }
  }
  return best;
}

Region* RegionTree::find(VirtAddr address) const {
  Region* region = first_ending_above(address);
  return region != nullptr && region->begin_ <= address ? region : nullptr;
}

Region* RegionTree::first() const {
  Region* node = root_;
  while (node != nullptr && node->left_ != nullptr) node = node->left_;
  return node;
}

Region* RegionTree::last() const {
  Region* node = root_;
  while (node != nullptr && node->right_ != nullptr) node = node->right_;
  return node;
}

Region* RegionTree::next(const Region& region) {
  if (Region* node = region.right_) {
    while (node->left_ != nullptr) node = node->left_;
    return node;
  }
  const Region* child = &region;
  Region* parent = region.parent_;
  while (parent != nullptr && parent->right_ == child) {
    child = parent;
    parent = parent->parent_;
  }
  return parent;
}

Region* RegionTree::previous(const Region& region) {
  if (Region* node = region.left_) {
    while (node->right_ != nullptr) node = node->right_;
    return node;
  }
  const Region* child = &region;
  Region* parent = region.parent_;
  while (parent != nullptr && parent->left_ == child) {
    child = parent;
    parent = parent->parent_;
  }
  return parent;
}

bool RegionTree::is_free(VirtAddr begin, VirtAddr end) const {
  const Region* region = first_ending_above(begin);
  return region == nullptr || region->begin_ >= end;
}

Region* RegionTree::last_in_subtree_with_gap(Region* node, std::uint64_t size) {
  if (largest(node) < size) return nullptr;
  while (true) {
    if (largest(node->right_) >= size) {
      node = node->right_;
    } else if (node->gap_ >= size) {
      return node;
    } else {
      node = node->left_;
    }
  }
}

Region* RegionTree::last_with_gap(std::uint64_t size) const {
  return last_in_subtree_with_gap(root_, size);
}

Region* RegionTree::previous_with_gap(Region& from, std::uint64_t size) {
  Region* node = &from;
  while (true) {
    if (Region* found = last_in_subtree_with_gap(node->left_, size)) return found;
    while (node->parent_ != nullptr && node == node->parent_->left_) node = node->parent_;
    node = node->parent_;
    if (node == nullptr || node->gap_ >= size) return node;
  }
}

bool RegionTree::find_place(std::uint64_t size, VirtAddr low, VirtAddr high,
                            std::uint64_t alignment, VirtAddr& place) const {
  const auto fits = [&](VirtAddr from, VirtAddr to) {
    from = std::max(from, low);
    to = std::min(to, high);
    if (to < from || to - from < size) return false;
    place = VirtAddr(align_down((to - size).value(), alignment));
    return place >= from;
  };
  // The gap that high itself lies in, or that ends there.
  Region* above = first_ending_above(high);
  if (above != nullptr && above->begin_ < high) {
    if (fits(end_before(above), above->begin_)) return true;
  } else if (fits(end_before(above), high)) {
    return true;
  }
  // Then downwards through the gaps that are large enough.
  Region* candidate = above != nullptr ? previous_with_gap(*above, size) : last_with_gap(size);
  while (candidate != nullptr && candidate->begin_ > low) {
    if (fits(end_before(candidate), candidate->begin_)) return true;
    candidate = previous_with_gap(*candidate, size);
  }
  return false;
}

}  // namespace mokapot
