// SPDX-License-Identifier: Apache-2.0

import io.mokapot.bench.Wholesale;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;

/** The wholesale company from a cold start: its threads, HotSpot's compilers and its collector want the processors at once. */
public final class ColdStart {
  private ColdStart() {}

  public static void main(String[] args) throws InterruptedException {
    int warehouses = Integer.parseInt(args[0]);
    int transactions = Integer.parseInt(args[1]);
    System.out.println("begins");
    double seconds = Wholesale.perform(warehouses, transactions, 1);
    long milliseconds = 0;
    long count = 0;
    for (GarbageCollectorMXBean bean : ManagementFactory.getGarbageCollectorMXBeans()) {
      // Concurrent collectors state their cycles apart from their pauses.
      if (!bean.getName().contains("Cycles")) {
        milliseconds += bean.getCollectionTime();
        count += bean.getCollectionCount();
      }
    }
    System.out.printf("figure cold %.9f%n", seconds);
    System.out.printf("figure cold-pauses %.9f%n", milliseconds * 1e-3);
    System.out.printf("figure cold-compilers %.9f%n", ManagementFactory.getCompilationMXBean().getTotalCompilationTime() * 1e-3);
    System.out.println("done " + count);
  }
}
