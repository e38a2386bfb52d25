// SPDX-License-Identifier: Apache-2.0

/** Replaced by a debugger with the version in tools_redefined. */
final class Greeting {
  static String text(int number) {
    String name = "world";
    int doubled = number * 2;
    return "hello " + name + (doubled == 84 ? "" : "?");
  }
}
