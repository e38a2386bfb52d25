// SPDX-License-Identifier: Apache-2.0

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/** What monitoring asks of the machine: how busy it and the JVM are. A negative load means that nobody knows. */
final class CpuLoad {
    private CpuLoad() {}

    public static void main(String[] arguments) {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        system.getCpuLoad();
        system.getProcessCpuLoad();
        long begin = system.getProcessCpuTime();
        int turns = 0;
        double machine = 0;
        double process = 0;
        // By processor time, so that a busy host makes it longer and not wrong.
        while (turns < 4) {
            if (system.getProcessCpuTime() - begin >= 300_000_000L) {
                begin = system.getProcessCpuTime();
                machine = Math.max(machine, system.getCpuLoad());
                process = Math.max(process, system.getProcessCpuLoad());
                turns++;
            }
        }
        System.out.println("the machine: " + (machine > 0 && machine <= 1));
        System.out.println("the JVM: " + (process > 0 && process <= 1));
        System.out.println("its time goes on: " + (system.getProcessCpuTime() > 0));
    }
}
