// SPDX-License-Identifier: Apache-2.0
//
// Boost.Intrusive under the kernel's terms: no allocation, hooks that assert on misuse ("safe link"),
// and one named member hook per container.
#pragma once

#ifndef BOOST_INTRUSIVE_SAFE_HOOK_DEFAULT_ASSERT
#include "base/assert.h"
#define BOOST_INTRUSIVE_SAFE_HOOK_DEFAULT_ASSERT ASSERT
#define BOOST_INTRUSIVE_INVARIANT_ASSERT(condition) DASSERT(condition)
#define BOOST_INTRUSIVE_SAFE_HOOK_DESTRUCTOR_ASSERT ASSERT
#endif

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set.hpp>

namespace mokapot {

using ListHook = boost::intrusive::list_member_hook<>;
using TreeHook = boost::intrusive::set_member_hook<>;

// IntrusiveList<Thread, &Thread::run_queue_hook>
template <typename T, ListHook T::*hook>
using IntrusiveList =
    boost::intrusive::list<T, boost::intrusive::member_hook<T, ListHook, hook>,
                           boost::intrusive::constant_time_size<false>>;

// An ordered set (red-black tree); Compare is a function object over two T.
template <typename T, TreeHook T::*hook, typename Compare>
using IntrusiveTree =
    boost::intrusive::set<T, boost::intrusive::member_hook<T, TreeHook, hook>,
                          boost::intrusive::compare<Compare>, boost::intrusive::constant_time_size<false>>;
template <typename T, TreeHook T::*hook, typename Compare>
using IntrusiveMultiTree =
    boost::intrusive::multiset<T, boost::intrusive::member_hook<T, TreeHook, hook>,
                               boost::intrusive::compare<Compare>,
                               boost::intrusive::constant_time_size<false>>;

}  // namespace mokapot
