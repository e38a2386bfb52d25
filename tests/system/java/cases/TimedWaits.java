// SPDX-License-Identifier: Apache-2.0
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/**
 * Timed waits by three roads: none ends early, and half are at most two milliseconds late; with the argument
 * "strict", for a quiet host, 99 of 100 are. Standard error says what was measured.
 */
public final class TimedWaits {
  interface Wait {
    void of(int milliseconds) throws InterruptedException;
  }

  private static void measure(String name, int percent, Wait wait) throws InterruptedException {
    long[] late = new long[200];
    for (int i = 0; i < late.length; i++) {
      int milliseconds = 1 + i % 10;
      long start = System.nanoTime();
      wait.of(milliseconds);
      late[i] = System.nanoTime() - start - milliseconds * 1_000_000L;
    }
    Arrays.sort(late);
    boolean inTime = late[late.length * percent / 100 - 1] <= 2_000_000;
    System.out.println(name + ": early " + (late[0] < -100_000) + ", " + percent + "% within 2 ms " + inTime);
    System.err.println(name + ": median " + late[100] / 1000 + " us, 99% " + late[197] / 1000 + " us");
  }

  public static void main(String[] args) throws Exception {
    int percent = args.length > 0 && args[0].equals("strict") ? 99 : 50;
    Object monitor = new Object();
    for (int i = 0; i < 20; i++) {
      Thread.sleep(1);
      LockSupport.parkNanos(1_000_000);
    }
    measure("sleep", percent, Thread::sleep);
    measure("park", percent, milliseconds -> LockSupport.parkNanos(milliseconds * 1_000_000L));
    measure(
        "wait",
        percent,
        milliseconds -> {
          synchronized (monitor) {
            monitor.wait(milliseconds);
          }
        });
  }
}
