// SPDX-License-Identifier: Apache-2.0
package second;

public final class Second {
  public static String greeting() {
    return "second";
  }
}
