// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples;

/** The program that `make run` boots when it is given no jar: a greeting, then its arguments. */
public final class Hello {
  private Hello() {}

  public static void main(String[] args) {
    System.out.println("Hello from Java " + Runtime.version().feature());
    for (String arg : args) {
      System.out.println("argument: " + arg);
    }
  }
}
