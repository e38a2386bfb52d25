// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.CountDownLatch;

/** OutOfMemoryError where a thread's stack has no room, ten times, with threads before, between and after. */
public final class TooManyThreads {
  public static void main(String[] args) throws Exception {
    CountDownLatch stop = new CountDownLatch(1);
    int refused = 0;
    int started = 0;
    Thread[] threads = new Thread[100];
    for (int i = 0; i < threads.length; i++) {
      threads[i] =
          new Thread(
              () -> {
                try {
                  stop.await();
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      threads[i].start();
      started++;
      if (i % 10 == 0) {
        try {
          // As much as the whole address space.
          new Thread(null, () -> System.out.println("ran"), "too large", 1L << 47).start();
        } catch (OutOfMemoryError e) {
          refused++;
        }
      }
    }
    stop.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    System.out.println("refused " + refused + ", started " + started);
  }
}
