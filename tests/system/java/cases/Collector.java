// SPDX-License-Identifier: Apache-2.0
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;

/** Names the collector that HotSpot chose by itself, and how many processors it saw. */
public final class Collector {
  public static void main(String[] args) {
    for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
      System.out.println(collector.getName());
    }
    System.out.println("processors " + Runtime.getRuntime().availableProcessors());
  }
}
