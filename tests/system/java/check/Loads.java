// SPDX-License-Identifier: Apache-2.0

/** Its class cannot be initialised. */
public final class Loads {
  static {
    System.loadLibrary("no_such_library");
  }

  public static void main(String[] args) {
    System.out.println("never");
  }
}
