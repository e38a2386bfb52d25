// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Exchanger;
import java.util.concurrent.SynchronousQueue;

/** Hand-offs between threads through the queues of java.util.concurrent, in order and complete. */
public final class HandOffs {
  private static long pass(BlockingQueue<Integer> queue, int count) throws Exception {
    Thread producer =
        new Thread(
            () -> {
              try {
                for (int i = 0; i < count; i++) {
                  queue.put(i);
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    producer.start();
    long sum = 0;
    int last = -1;
    for (int i = 0; i < count; i++) {
      int value = queue.take();
      if (value != last + 1) {
        System.out.println("out of order at " + i);
      }
      last = value;
      sum += value;
    }
    producer.join();
    return sum;
  }

  public static void main(String[] args) throws Exception {
    int count = args.length > 0 ? Integer.parseInt(args[0]) : 20_000;
    System.out.println("synchronous: " + pass(new SynchronousQueue<>(), count));
    System.out.println("fair: " + pass(new SynchronousQueue<>(true), count / 4));
    System.out.println("bounded: " + pass(new ArrayBlockingQueue<>(10), count));
    Exchanger<Integer> exchanger = new Exchanger<>();
    int[] other = new int[1];
    Thread partner =
        new Thread(
            () -> {
              try {
                for (int i = 0; i < 1000; i++) {
                  other[0] += exchanger.exchange(1);
                }
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
    partner.start();
    int mine = 0;
    for (int i = 0; i < 1000; i++) {
      mine += exchanger.exchange(2);
    }
    partner.join();
    System.out.println("exchanged: " + mine + " " + other[0]);
    CyclicBarrier barrier = new CyclicBarrier(4);
    Thread[] threads = new Thread[4];
    for (int i = 0; i < 4; i++) {
      threads[i] =
          new Thread(
              () -> {
                try {
                  for (int round = 0; round < 200; round++) {
                    barrier.await();
                  }
                } catch (Exception e) {
                  System.out.println(e);
                }
              });
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    System.out.println("barrier: " + barrier.getNumberWaiting());
  }
}
