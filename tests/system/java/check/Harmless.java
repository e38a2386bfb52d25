// SPDX-License-Identifier: Apache-2.0

/** Nothing to find. */
public final class Harmless {
  public static void main(String[] args) {
    System.out.println("fine");
  }
}
