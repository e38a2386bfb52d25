// SPDX-License-Identifier: Apache-2.0
//
// Precompiled once for everything that unit tests compile but the kernel's own files (tests/unit/unit.mk): parsing
// these is most of the time that a test takes to build. Every file still includes what it uses.
#ifndef MOKAPOT_TESTS_UNIT_PRELUDE_H  // a main file of its own: #pragma once would be warned of
#define MOKAPOT_TESTS_UNIT_PRELUDE_H

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#endif
