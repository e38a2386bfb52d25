// SPDX-License-Identifier: Apache-2.0

/** 20,000 field accesses, a third of them through null and caught: what implicit null checks cost. */
public final class NullChecks {
  private static final int CHECKS = 20_000;

  private int value = 1;

  private NullChecks() {}

  public static void main(String[] args) {
    NullChecks present = new NullChecks();
    System.out.println("begins");
    long start = System.nanoTime();
    int sum = 0;
    int caught = 0;
    for (int i = 0; i < CHECKS; i++) {
      NullChecks reference = i % 3 == 0 ? null : present;
      try {
        sum += reference.value;
      } catch (NullPointerException expected) {
        caught++;
      }
    }
    double seconds = (System.nanoTime() - start) * 1e-9;
    if (sum + caught != CHECKS || caught != (CHECKS + 2) / 3) {
      throw new AssertionError("wrong sum " + sum + " or count " + caught);
    }
    System.out.printf("figure null-checks %.9f%n", seconds);
    System.out.println("done");
  }
}
