// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** StackOverflowError over and over: in main, at several depths, in threads with several stack sizes. */
public final class StackOverflows {
  private static int depth;

  private static int recurse(int level) {
    depth = level;
    return recurse(level + 1) + 1;
  }

  private static boolean overflows() {
    try {
      recurse(0);
      return false;
    } catch (StackOverflowError e) {
      return depth > 100;
    }
  }

  private static int at(int levels, int rounds) {
    if (levels > 0) {
      return at(levels - 1, rounds);
    }
    int caught = 0;
    for (int i = 0; i < rounds; i++) {
      caught += overflows() ? 1 : 0;
    }
    return caught;
  }

  public static void main(String[] args) throws Exception {
    System.out.println("main: " + at(0, 20) + " " + at(100, 20) + " " + at(1000, 20));
    List<Thread> threads = new ArrayList<>();
    AtomicInteger caught = new AtomicInteger();
    for (int i = 0; i < 8; i++) {
      int levels = i * 50;
      // depth is shared and only ever compared with a small number: races on it do not matter.
      Thread thread = new Thread(null, () -> caught.addAndGet(at(levels, 5)), "t" + i, (256L + 128 * i) << 10);
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    System.out.println("threads: " + caught);
  }
}
