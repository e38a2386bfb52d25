// SPDX-License-Identifier: Apache-2.0
/** Says which of its versioned classes the runtime picked. */
public final class Main {
  public static void main(String[] args) {
    System.out.println("version " + Version.text());
  }
}
