// SPDX-License-Identifier: Apache-2.0
//
// Precompiled once a build (kernel/kernel.mk) because parsing these is most of the time that a file takes.
// Every file still includes what it uses: the lint build compiles without this.
#ifndef MOKAPOT_BASE_PRELUDE_H  // a main file of its own: #pragma once would be warned of
#define MOKAPOT_BASE_PRELUDE_H

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <concepts>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/intrusive.h"
#include "base/ref_counted.h"
#include "base/types.h"

#endif
