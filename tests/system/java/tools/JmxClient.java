// SPDX-License-Identifier: Apache-2.0

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.RuntimeMXBean;
import java.lang.management.ThreadMXBean;
import javax.management.MBeanServerConnection;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Runs on the host: asks a JVM by JMX over RMI at the given port of localhost. */
public final class JmxClient {
  public static void main(String[] arguments) throws Exception {
    JMXServiceURL place =
        new JMXServiceURL("service:jmx:rmi:///jndi/rmi://127.0.0.1:" + arguments[0] + "/jmxrmi");
    try (JMXConnector connector = JMXConnectorFactory.connect(place)) {
      MBeanServerConnection server = connector.getMBeanServerConnection();
      RuntimeMXBean runtime =
          ManagementFactory.newPlatformMXBeanProxy(server, ManagementFactory.RUNTIME_MXBEAN_NAME, RuntimeMXBean.class);
      ThreadMXBean threads =
          ManagementFactory.newPlatformMXBeanProxy(server, ManagementFactory.THREAD_MXBEAN_NAME, ThreadMXBean.class);
      MemoryMXBean memory =
          ManagementFactory.newPlatformMXBeanProxy(server, ManagementFactory.MEMORY_MXBEAN_NAME, MemoryMXBean.class);
      memory.gc();
      System.out.println("pid " + runtime.getPid());
      System.out.println("deadlocked " + (threads.findDeadlockedThreads() != null));
      System.out.println("used " + (memory.getHeapMemoryUsage().getUsed() > 0));
    }
  }
}
