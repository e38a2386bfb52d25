// SPDX-License-Identifier: Apache-2.0
package first;

public final class First {
  public static String greeting() {
    return "first";
  }
}
