// SPDX-License-Identifier: Apache-2.0
//
// What a VM may be called.
#pragma once

#include <string>
#include <string_view>

namespace moka {

// Letters, digits, '.', '_' and '-', at most 63, the first a letter or digit.
bool is_vm_name(std::string_view text);
// A name for a VM that was given none: the program's, without its folder and ".jar".
std::string default_vm_name(std::string_view program);

}  // namespace moka
