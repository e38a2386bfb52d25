// SPDX-License-Identifier: Apache-2.0

/** What a debugger puts in the place of the version in tools. */
final class Greeting {
  static String text(int number) {
    String name = "world";
    int doubled = number * 2;
    return "goodbye " + name + (doubled == 84 ? "" : "?");
  }
}
