// SPDX-License-Identifier: Apache-2.0

import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;

/** 4 GB in arrays of 1 KiB by two threads, of which the last 16 MiB stay alive; the time, and what collections took. */
public final class AllocationChurn {
  private static final int THREADS = 2;
  private static final long BYTES = 4L << 30;
  private static final int ALIVE = 8192;

  private AllocationChurn() {}

  public static void main(String[] args) throws InterruptedException {
    String name = args[0];
    System.out.println("begins");
    long start = System.nanoTime();
    Thread[] threads = new Thread[THREADS];
    long[] sums = new long[THREADS];
    for (int i = 0; i < THREADS; i++) {
      int number = i;
      threads[i] = new Thread(() -> sums[number] = churn(number));
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    double seconds = (System.nanoTime() - start) * 1e-9;
    long wanted = 0;
    for (int i = 0; i < THREADS; i++) {
      if (sums[i] != expected(i)) {
        throw new AssertionError("thread " + i + " found " + sums[i]);
      }
      wanted += sums[i];
    }
    long milliseconds = 0;
    for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
      // Concurrent collectors state their cycles apart from their pauses.
      if (!bean.getName().contains("Cycles")) {
        milliseconds += bean.getCollectionTime();
      }
    }
    System.out.printf("figure churn-%s %.9f%n", name, seconds);
    System.out.printf("figure pauses-%s %.9f%n", name, milliseconds * 1e-3);
    System.out.println("done " + wanted);
  }

  private static long rounds() {
    return BYTES / 1024 / THREADS;
  }

  private static long churn(int number) {
    byte[][] alive = new byte[ALIVE][];
    long sum = 0;
    for (long round = 0; round < rounds(); round++) {
      byte[] fresh = new byte[1024 - 16];
      fresh[(int) (round & 511)] = (byte) (round + number);
      int at = (int) (round % ALIVE);
      byte[] old = alive[at];
      if (old != null) {
        sum += old[(int) (round - ALIVE & 511)];
      }
      alive[at] = fresh;
    }
    return sum;
  }

  private static long expected(int number) {
    long sum = 0;
    for (long round = 0; round < rounds() - ALIVE; round++) {
      sum += (byte) (round + number);
    }
    return sum;
  }
}
