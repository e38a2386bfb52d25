// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.Executors;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.atomic.AtomicLong;

/** Virtual threads: ten thousand that sleep, and hand-offs between two. */
public final class VirtualThreads {
  public static void main(String[] args) throws Exception {
    AtomicLong sum = new AtomicLong();
    try (var executor = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 10_000; i++) {
        int number = i;
        executor.submit(
            () -> {
              Thread.sleep(10);
              return sum.addAndGet(number);
            });
      }
    }
    System.out.println("sum: " + sum);
    SynchronousQueue<Integer> queue = new SynchronousQueue<>();
    Thread producer =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    for (int i = 0; i < 2000; i++) {
                      queue.put(i);
                    }
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                });
    long total = 0;
    for (int i = 0; i < 2000; i++) {
      total += queue.take();
    }
    producer.join();
    System.out.println("handed over: " + total);
    System.out.println(Thread.ofVirtual().unstarted(() -> {}).isVirtual());
  }
}
