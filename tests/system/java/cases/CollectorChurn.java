// SPDX-License-Identifier: Apache-2.0
import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;
import java.lang.ref.PhantomReference;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.SoftReference;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Work for a collector whose result does not depend on the collector: standard output must be the same everywhere.
 *
 * <p>Arguments: seconds (0: one round), size of the live set (about three MiB each), and any of
 *
 * <ul>
 *   <li>nogc: the collector frees nothing (Epsilon), so references are left out;
 *   <li>NAME=VALUE: an option of the JVM that must have taken effect;
 *   <li>touched: all of the heap must be resident from the start;
 *   <li>huge: half of what the heap holds must lie in 2 MiB pages (Shenandoah gives regions back in between);
 *   <li>uncommit: the memory of a heap that has become empty must come back to the machine.
 * </ul>
 */
public final class CollectorChurn {
  private static final int THREADS = 4;
  private static final AtomicLong wrong = new AtomicLong();

  /** A node of a tree whose shape and contents follow from its seed. */
  private static final class Node {
    Node left;
    Node right;
    Object payload;
    long sum;
  }

  /** Objects of one thread, each with what its contents must sum up to. */
  private static final class LiveSet {
    final Object[] slots;
    final long[] sums;
    final Random random;
    final ConcurrentHashMap<Integer, long[]> shared;
    final int number;
    long digest;

    LiveSet(int number, int count, ConcurrentHashMap<Integer, long[]> shared) {
      this.number = number;
      this.shared = shared;
      slots = new Object[count];
      sums = new long[count];
      random = new Random(1000 + number);
    }

    void step(int step) {
      int slot = random.nextInt(slots.length);
      if (slots[slot] != null && sum(slots[slot]) != sums[slot]) {
        wrong.incrementAndGet();
      }
      Object fresh = make(random, step);
      slots[slot] = fresh;
      sums[slot] = sum(fresh);
      digest = digest * 31 + sums[slot];
      // Old objects come to point at young ones, of other threads' too.
      int key = random.nextInt(4096);
      shared.put(key * THREADS + number, new long[] {key, number, key ^ number});
      long[] seen = shared.get(random.nextInt(4096) * THREADS + random.nextInt(THREADS));
      if (seen != null && seen[2] != (seen[0] ^ seen[1])) {
        wrong.incrementAndGet();
      }
      // Garbage that nobody looks at again, as most is.
      int kept = 0;
      for (int i = 0; i < 8; i++) {
        kept += new byte[512 + 64 * i].length;
      }
      digest += kept;
    }

    void verifyAll() {
      for (int slot = 0; slot < slots.length; slot++) {
        if (slots[slot] != null && sum(slots[slot]) != sums[slot]) {
          wrong.incrementAndGet();
        }
      }
    }
  }

  private static Object make(Random random, int step) {
    switch (step % 8) {
      case 0:
        return filled(new byte[16 + random.nextInt(16 << 10)], random);
      case 1:
        // A large one now and then: more than half of a region of most collectors.
        return filled(new byte[step % 64 == 1 ? (1 << 20) + random.nextInt(1 << 20) : 100], random);
      case 2:
        long[] numbers = new long[1 + random.nextInt(2000)];
        for (int i = 0; i < numbers.length; i += 7) {
          numbers[i] = random.nextLong();
        }
        return numbers;
      case 3:
        return tree(random, 7);
      case 4:
        return list(random, 20 + random.nextInt(200));
      case 5:
        return Integer.toString(random.nextInt()).repeat(1 + random.nextInt(50));
      case 6:
        Object[] mixed = new Object[random.nextInt(500)];
        for (int i = 0; i < mixed.length; i++) {
          mixed[i] = i % 3 == 0 ? null : filled(new byte[random.nextInt(64)], random);
        }
        return mixed;
      default:
        return new WeakReference<>(filled(new byte[64], random));
    }
  }

  private static byte[] filled(byte[] block, Random random) {
    for (int i = 0; i < block.length; i += 61) {
      block[i] = (byte) random.nextInt();
    }
    return block;
  }

  private static Node tree(Random random, int depth) {
    Node node = new Node();
    node.sum = random.nextLong();
    node.payload = filled(new byte[random.nextInt(100)], random);
    if (depth > 0) {
      node.left = tree(random, depth - 1);
      node.right = tree(random, depth - 1);
    }
    return node;
  }

  private static Node list(Random random, int length) {
    Node head = null;
    for (int i = 0; i < length; i++) {
      Node node = new Node();
      node.left = head;
      node.sum = random.nextLong();
      head = node;
    }
    return head;
  }

  private static long sum(Object object) {
    if (object instanceof byte[] bytes) {
      long sum = bytes.length;
      for (int i = 0; i < bytes.length; i += 61) {
        sum = sum * 31 + bytes[i];
      }
      return sum;
    }
    if (object instanceof long[] numbers) {
      long sum = numbers.length;
      for (int i = 0; i < numbers.length; i += 7) {
        sum = sum * 31 + numbers[i];
      }
      return sum;
    }
    if (object instanceof Node node) {
      long sum = 0;
      // Lists go to the left, so they are no recursion.
      for (Node at = node; at != null; at = at.left) {
        sum = sum * 31 + at.sum + (at.payload == null ? 1 : sum(at.payload));
        if (at.right != null) {
          sum = sum * 31 + sum(at.right);
        }
      }
      return sum;
    }
    if (object instanceof Object[] mixed) {
      long sum = mixed.length;
      for (Object part : mixed) {
        sum = sum * 31 + (part == null ? 7 : sum(part));
      }
      return sum;
    }
    return object instanceof String text ? text.hashCode() : 1;
  }

  private static long round(int steps, int slots, boolean collects) throws Exception {
    ConcurrentHashMap<Integer, long[]> shared = new ConcurrentHashMap<>();
    LiveSet[] sets = new LiveSet[THREADS];
    Thread[] threads = new Thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
      LiveSet set = new LiveSet(i, slots, shared);
      sets[i] = set;
      threads[i] =
          new Thread(
              () -> {
                for (int step = 0; step < steps; step++) {
                  set.step(step);
                  if (collects && set.number == 0 && step % (steps / 2) == steps / 4) {
                    System.gc();
                  }
                }
              });
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    long digest = 0;
    for (LiveSet set : sets) {
      set.verifyAll();
      digest = digest * 31 + set.digest;
    }
    return digest;
  }

  /** Which references a full collection clears, and which it must not. */
  private static void references() throws InterruptedException {
    ReferenceQueue<Object> queue = new ReferenceQueue<>();
    List<byte[]> held = new ArrayList<>();
    List<Reference<Object>> toLive = new ArrayList<>();
    List<Reference<Object>> toDead = new ArrayList<>();
    Random random = new Random(7);
    for (int i = 0; i < 1000; i++) {
      byte[] live = filled(new byte[200], random);
      held.add(live);
      toLive.add(new WeakReference<>(live, queue));
      toDead.add(new WeakReference<>(filled(new byte[200], random), queue));
      toDead.add(new PhantomReference<>(filled(new byte[200], random), queue));
    }
    int enqueued = 0;
    // Concurrent collectors hand references over after the call has returned.
    for (int i = 0; i < 10 && enqueued < toDead.size(); i++) {
      System.gc();
      while (enqueued < toDead.size() && queue.remove(2000) != null) {
        enqueued++;
      }
    }
    System.out.println("dead enqueued: " + (enqueued == toDead.size()));
    System.out.println("live kept: " + toLive.stream().allMatch(reference -> reference.get() != null));
    // More than the heap holds: soft references give way, and there is no OutOfMemoryError.
    List<Reference<Object>> soft = new ArrayList<>();
    for (long i = 0; i < Runtime.getRuntime().maxMemory() >> 20; i++) {
      soft.add(new SoftReference<>(new byte[3 << 19]));
    }
    System.out.println("soft gave way: " + soft.stream().anyMatch(reference -> reference.get() == null));
    System.out.println("held: " + sum(held.toArray()));
  }

  private static long number(String file, String name) throws Exception {
    for (String line : Files.readAllLines(Path.of(file))) {
      if (line.startsWith(name + ":")) {
        return Long.parseLong(line.replaceAll("[^0-9]", ""));
      }
    }
    throw new IllegalStateException(file + " has no " + name);
  }

  private static long meminfoMebibytes(String name) throws Exception {
    return number("/proc/meminfo", name) >> 10;
  }

  /** Whatever is not as asked for is said on standard output, where the host says nothing. */
  private static void require(boolean held, String what) {
    System.err.println(what);
    if (!held) {
      System.out.println("NOT AS ASKED FOR: " + what);
    }
  }

  private static void requireOption(String word) {
    String name = word.substring(0, word.indexOf('='));
    String value =
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).getVMOption(name).getValue();
    require(word.equals(name + "=" + value), name + "=" + value);
  }

  private static void requireHugePages(int mebibytes) throws Exception {
    long reserved = number("/proc/meminfo", "HugePages_Free") * number("/proc/meminfo", "Hugepagesize") >> 10;
    long huge =
        meminfoMebibytes("AnonHugePages")
            + meminfoMebibytes("ShmemHugePages")
            + meminfoMebibytes("Hugetlb")
            - reserved;
    require(huge >= mebibytes, huge + " MiB in 2 MiB pages");
  }

  /** What the machine gets back of a heap that was full and is empty; waits for collectors that take their time. */
  private static void uncommit(int mebibytes) throws Exception {
    List<byte[]> blocks = new ArrayList<>();
    for (int i = 0; i < mebibytes * 10; i++) {
      byte[] block = new byte[100 << 10];
      for (int at = 0; at < block.length; at += 4096) {
        block[at] = 1;
      }
      blocks.add(block);
    }
    long full = meminfoMebibytes("MemFree");
    blocks.clear();
    long gained = 0;
    for (int i = 0; i < 600 && gained < mebibytes / 2; i++) {
      if (i % 50 == 0) {
        System.gc();
      }
      Thread.sleep(100);
      gained = meminfoMebibytes("MemFree") - full;
    }
    require(gained >= mebibytes / 2, gained + " MiB of " + mebibytes + " came back");
  }

  public static void main(String[] args) throws Exception {
    long end = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
    int size = Integer.parseInt(args[1]);
    List<String> words = List.of(args).subList(2, args.length);
    words.stream().filter(word -> word.contains("=")).forEach(CollectorChurn::requireOption);
    if (words.contains("touched")) {
      long resident = number("/proc/self/status", "VmRSS") >> 10;
      require(resident >= Runtime.getRuntime().maxMemory() >> 20, resident + " MiB resident");
    }
    boolean collects = !words.contains("nogc");
    int slots = size * 1024 / 16 / THREADS;
    int steps = slots * 4;
    long digest = round(steps, slots, collects);
    if (words.contains("huge")) {
      requireHugePages(size / 2);
    }
    System.out.println("digest: " + Long.toHexString(digest));
    if (collects) {
      references();
    }
    int rounds = 1;
    for (; System.nanoTime() < end; rounds++) {
      if (round(steps, slots, collects) != digest) {
        wrong.incrementAndGet();
      }
    }
    System.err.println("rounds: " + rounds);
    if (words.contains("uncommit")) {
      uncommit(6 * size);
    }
    System.out.println("wrong: " + wrong.get());
  }
}
