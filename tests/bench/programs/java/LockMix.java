// SPDX-License-Identifier: Apache-2.0

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Threads that wait for one another: a monitor, a lock with a condition, a bounded queue, a semaphore. */
public final class LockMix {
  private static final int THREADS = 6;
  private static final int ROUNDS = 8_000;

  private static final Object MONITOR = new Object();
  private static final ReentrantLock LOCK = new ReentrantLock(true);
  private static final Condition CHANGED = LOCK.newCondition();
  private static final Semaphore SEATS = new Semaphore(2, true);
  private static final ArrayBlockingQueue<Integer> QUEUE = new ArrayBlockingQueue<>(4);

  private static int monitored;
  private static int turn;

  private LockMix() {}

  public static void main(String[] args) throws InterruptedException {
    System.out.println("begins");
    long start = System.nanoTime();
    CountDownLatch done = new CountDownLatch(THREADS);
    long[] taken = new long[1];
    Thread consumer = new Thread(() -> {
      try {
        for (int i = 0; i < THREADS * ROUNDS / 4; i++) {
          taken[0] += QUEUE.take();
        }
      } catch (InterruptedException impossible) {
        throw new AssertionError(impossible);
      }
    });
    consumer.start();
    for (int i = 0; i < THREADS; i++) {
      int number = i;
      new Thread(() -> {
        try {
          work(number);
        } catch (InterruptedException impossible) {
          throw new AssertionError(impossible);
        }
        done.countDown();
      }).start();
    }
    done.await();
    consumer.join();
    double seconds = (System.nanoTime() - start) * 1e-9;
    if (monitored != THREADS * ROUNDS || taken[0] != (long) THREADS * ROUNDS / 4) {
      throw new AssertionError(monitored + " " + taken[0]);
    }
    System.out.printf("figure locks %.9f%n", seconds);
    System.out.println("done");
  }

  private static void work(int number) throws InterruptedException {
    for (int round = 0; round < ROUNDS; round++) {
      synchronized (MONITOR) {
        monitored++;
      }
      if (round % 4 == 0) {
        QUEUE.put(1);
        SEATS.acquire();
        SEATS.release();
      }
      if (round % 16 == 0) {
        LOCK.lock();
        try {
          while (turn != number) {
            CHANGED.await();
          }
          turn = (turn + 1) % THREADS;
          CHANGED.signalAll();
        } finally {
          LOCK.unlock();
        }
      }
    }
  }
}
