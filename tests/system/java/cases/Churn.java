// SPDX-License-Identifier: Apache-2.0
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.util.Random;

/** Allocates ten times the heap while a live set is replaced piece by piece; every byte is verified. */
public final class Churn {
  private static int checksum(byte[] block) {
    int sum = 1;
    for (byte b : block) {
      sum = sum * 31 + b;
    }
    return sum;
  }

  public static void main(String[] args) {
    long heap = Runtime.getRuntime().maxMemory();
    long target = args.length > 0 ? Long.parseLong(args[0]) << 20 : 10 * heap;
    int slots = (int) Math.min(4096, heap / 4 / 8192);
    byte[][] live = new byte[slots][];
    int[] sums = new int[slots];
    Random random = new Random(42);
    long allocated = 0;
    long wrong = 0;
    while (allocated < target) {
      int slot = random.nextInt(slots);
      if (live[slot] != null && checksum(live[slot]) != sums[slot]) {
        wrong++;
      }
      byte[] block = new byte[random.nextInt(100) == 0 ? 65536 : 1 + random.nextInt(8192)];
      for (int i = 0; i < block.length; i += 64) {
        block[i] = (byte) random.nextInt();
      }
      live[slot] = block;
      sums[slot] = checksum(block);
      // Garbage that nobody looks at again, as most is.
      for (int i = 0; i < 16; i++) {
        allocated += new byte[2048 + i].length;
      }
      allocated += block.length;
    }
    for (int slot = 0; slot < slots; slot++) {
      if (live[slot] != null && checksum(live[slot]) != sums[slot]) {
        wrong++;
      }
    }
    System.out.println("wrong: " + wrong);
    for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
      System.err.println(collector.getName() + ": " + collector.getCollectionCount());
    }
  }
}
