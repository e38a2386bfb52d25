// SPDX-License-Identifier: Apache-2.0

import java.util.concurrent.SynchronousQueue;

/** 20,000 elements from one thread to another through a queue that holds none. */
public final class HandOffs {
  private static final int COUNT = 20_000;

  private HandOffs() {}

  public static void main(String[] args) throws InterruptedException {
    SynchronousQueue<Integer> queue = new SynchronousQueue<>();
    System.out.println("begins");
    long start = System.nanoTime();
    Thread producer = new Thread(() -> {
      try {
        for (int i = 0; i < COUNT; i++) {
          queue.put(i);
        }
      } catch (InterruptedException impossible) {
        throw new AssertionError(impossible);
      }
    });
    producer.start();
    for (int i = 0; i < COUNT; i++) {
      int taken = queue.take();
      if (taken != i) {
        throw new AssertionError("took " + taken + " in place of " + i);
      }
    }
    producer.join();
    double seconds = (System.nanoTime() - start) * 1e-9;
    System.out.printf("figure hand-offs %.9f%n", seconds);
    System.out.println("done");
  }
}
