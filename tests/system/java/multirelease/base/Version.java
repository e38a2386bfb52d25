// SPDX-License-Identifier: Apache-2.0
public final class Version {
  static String text() {
    return "base";
  }
}
