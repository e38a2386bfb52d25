// SPDX-License-Identifier: Apache-2.0
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/** Timed waits by three roads: none ends early, and 99 of 100 are at most two milliseconds late. */
public final class TimedWaits {
  interface Wait {
    void of(int milliseconds) throws InterruptedException;
  }

  private static void measure(String name, Wait wait) throws InterruptedException {
    long[] late = new long[200];
    for (int i = 0; i < late.length; i++) {
      int milliseconds = 1 + i % 10;
      long start = System.nanoTime();
      wait.of(milliseconds);
      late[i] = System.nanoTime() - start - milliseconds * 1_000_000L;
    }
    Arrays.sort(late);
    System.out.println(name + ": early " + (late[0] < -100_000) + ", 99% within 2 ms " + (late[197] <= 2_000_000));
    System.err.println(name + ": median " + late[100] / 1000 + " us, 99% " + late[197] / 1000 + " us");
  }

  public static void main(String[] args) throws Exception {
    Object monitor = new Object();
    for (int i = 0; i < 20; i++) {
      Thread.sleep(1);
      LockSupport.parkNanos(1_000_000);
    }
    measure("sleep", Thread::sleep);
    measure("park", milliseconds -> LockSupport.parkNanos(milliseconds * 1_000_000L));
    measure(
        "wait",
        milliseconds -> {
          synchronized (monitor) {
            monitor.wait(milliseconds);
          }
        });
  }
}
