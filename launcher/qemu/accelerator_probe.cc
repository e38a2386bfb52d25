// SPDX-License-Identifier: Apache-2.0
#include "qemu/accelerator_probe.h"

namespace moka {

AcceleratorChoice choose_accelerator() { return {Accelerator::kTcg, "accelerator: TCG"}; }

}  // namespace moka
