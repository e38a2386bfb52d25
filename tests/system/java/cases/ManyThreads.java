// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/** 1,000 threads alive at once; 5,000 started and joined, eight at a time. */
public final class ManyThreads {
  public static void main(String[] args) throws Exception {
    int alive = args.length > 0 ? Integer.parseInt(args[0]) : 1000;
    int total = args.length > 1 ? Integer.parseInt(args[1]) : 5000;
    CountDownLatch running = new CountDownLatch(alive);
    CountDownLatch stop = new CountDownLatch(1);
    AtomicLong sum = new AtomicLong();
    Thread[] threads = new Thread[alive];
    for (int i = 0; i < alive; i++) {
      int number = i;
      threads[i] =
          new Thread(
              () -> {
                running.countDown();
                try {
                  stop.await();
                } catch (InterruptedException e) {
                  return;
                }
                sum.addAndGet(number);
              });
      threads[i].start();
    }
    running.await();
    System.out.println("alive: " + alive);
    stop.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    System.out.println("sum: " + sum);
    AtomicLong count = new AtomicLong();
    for (int i = 0; i < total; i += 8) {
      Thread[] few = new Thread[8];
      for (int j = 0; j < 8; j++) {
        few[j] = new Thread(count::incrementAndGet);
        few[j].start();
      }
      for (Thread thread : few) {
        thread.join();
      }
    }
    System.out.println("started and joined: " + count);
  }
}
