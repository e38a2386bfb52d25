// SPDX-License-Identifier: Apache-2.0
module io.mokapot.modular {
  requires java.logging;
}
