// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;

/** What Java says where something runs out, one thing a run, and that it goes on afterwards. */
public final class Limits {
  private static void say(String what) {
    System.out.println(what);
  }

  private static void direct() {
    for (int round = 0; round < 3; round++) {
      List<ByteBuffer> held = new ArrayList<>();
      try {
        while (true) {
          held.add(ByteBuffer.allocateDirect(1 << 20).put(1 << 19, (byte) 1));
        }
      } catch (OutOfMemoryError e) {
        say("direct buffers: " + held.size() + " MiB, then " + e.getClass().getSimpleName());
      }
    }
  }

  /** A heap that may grow beyond the machine: the machine ends, and says who had its memory. */
  private static void heap() {
    say("begin");
    List<long[]> held = new ArrayList<>();
    while (true) {
      held.add(new long[1 << 17]);
    }
  }

  private static Thread[] start(int count, Runnable body) {
    Thread[] threads = new Thread[count];
    for (int i = 0; i < count; i++) {
      threads[i] = new Thread(null, body, "limit " + i, 128 << 10);
      threads[i].start();
    }
    return threads;
  }

  private static void threads(int count) throws Exception {
    CyclicBarrier barrier = new CyclicBarrier(count + 1);
    Thread[] threads =
        start(
            count,
            () -> {
              try {
                barrier.await();
                barrier.await();
              } catch (Exception e) {
                say("a thread: " + e);
              }
            });
    barrier.await();
    say(count + " threads at once");
    barrier.await();
    for (Thread thread : threads) {
      thread.join();
    }
    say("all ended");
  }

  private static void tooManyThreads() throws Exception {
    for (int round = 0; round < 2; round++) {
      CountDownLatch stop = new CountDownLatch(1);
      List<Thread> threads = new ArrayList<>();
      try {
        while (true) {
          Thread thread =
              new Thread(
                  () -> {
                    try {
                      stop.await();
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt();
                    }
                  });
          thread.start();
          threads.add(thread);
        }
      } catch (OutOfMemoryError e) {
        stop.countDown();
        say("refused after many: " + (threads.size() > 100) + ", " + e.getMessage().substring(0, 30));
      }
      for (Thread thread : threads) {
        thread.join();
      }
    }
    Thread[] after = start(10, () -> {});
    for (Thread thread : after) {
      thread.join();
    }
    say("room again");
  }

  private static void files() throws IOException {
    for (int round = 0; round < 2; round++) {
      Path path = Path.of("/tmp/fills-memory");
      byte[] piece = new byte[1 << 20];
      int written = 0;
      try (var out = Files.newOutputStream(path)) {
        while (true) {
          out.write(piece);
          written++;
        }
      } catch (IOException e) {
        say("after much: " + (written > 16) + ", " + e.getMessage());
      }
      Files.delete(path);
    }
  }

  private static int depth;

  private static void recurse() {
    depth++;
    recurse();
  }

  private static void recursion() throws InterruptedException {
    Thread deep =
        new Thread(
            null,
            () -> {
              for (int round = 0; round < 2; round++) {
                depth = 0;
                try {
                  recurse();
                } catch (StackOverflowError e) {
                  say("overflow, deep: " + (depth > 50_000));
                }
              }
            },
            "deep",
            24L << 20);
    deep.start();
    deep.join();
  }

  private static void descriptors() throws IOException {
    List<java.io.InputStream> held = new ArrayList<>();
    try {
      while (held.size() < 5000) {
        held.add(new java.io.FileInputStream("/dev/null"));
      }
      say("none refused");
    } catch (IOException e) {
      say("refused after many: " + (held.size() > 3000) + ", " + e.getMessage());
    }
    for (java.io.InputStream stream : held) {
      stream.close();
    }
    Files.delete(Files.createTempFile("limits", ""));
    say("room again");
  }

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "direct" -> direct();
      case "heap" -> heap();
      case "threads" -> threads(Integer.parseInt(args[1]));
      case "too-many-threads" -> tooManyThreads();
      case "files" -> files();
      case "recursion" -> recursion();
      case "descriptors" -> descriptors();
      default -> throw new IllegalArgumentException(args[0]);
    }
    say("alive: " + new byte[1 << 20].length);
  }
}
