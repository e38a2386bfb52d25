// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import java.io.IOException;
import java.util.Collection;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * moka's processes of this JVM. They end with it, however it ends: by its shutdown hook, and where
 * that does not run by moka's own watch over it. All methods may be called from any thread.
 */
public final class RunningVms {
    private static final Set<Process> RUNNING = ConcurrentHashMap.newKeySet();
    private static final long SECONDS_AT_EXIT = 20;
    // Under the lock of the class: no process starts once the hook has begun to end them.
    private static boolean hasHook;
    private static boolean isClosing;

    private RunningVms() {}

    static synchronized Process started(ProcessBuilder builder) throws IOException {
        if (isClosing) {
            throw new IOException("this build is ending");
        }
        if (!hasHook) {
            Runtime.getRuntime().addShutdownHook(new Thread(RunningVms::close, "mokapot-end"));
            hasHook = true;
        }
        Process process = builder.start();
        RUNNING.add(process);
        process.onExit().thenAccept(RUNNING::remove);
        return process;
    }

    private static void close() {
        synchronized (RunningVms.class) {
            isClosing = true;
        }
        end(RUNNING, SECONDS_AT_EXIT);
    }

    /**
     * Asks all of them to end as SIGTERM does, then waits, and kills what has not ended by then. Killing
     * moka ends its VM.
     *
     * @param processes moka's
     * @param seconds to wait for all together
     * @return whether all ended without being killed
     */
    public static boolean end(Collection<Process> processes, long seconds) {
        // By their handles: Process.destroy() closes the streams, too, and with them go the last words.
        processes.forEach(process -> process.toHandle().destroy());
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        boolean allEnded = true;
        for (Process process : processes) {
            if (!hasEnded(process, deadline - System.nanoTime())) {
                allEnded = false;
                process.toHandle().destroyForcibly();
                hasEnded(process, TimeUnit.SECONDS.toNanos(SECONDS_AT_EXIT));
            }
        }
        return allEnded;
    }

    private static boolean hasEnded(Process process, long nanoseconds) {
        try {
            return process.waitFor(nanoseconds, TimeUnit.NANOSECONDS);
        } catch (InterruptedException interrupted) {
            // Somebody is in a hurry: what has not ended is killed.
            Thread.currentThread().interrupt();
            return !process.isAlive();
        }
    }
}
