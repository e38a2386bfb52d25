// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import io.mokapot.maven.support.Advice;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A VM that runs beside the build: what the application writes goes to a file, what moka says is
 * listened to. Two threads read, until the VM's end; the monitor of this object guards what they find
 * and wakes who waits.
 */
public final class StartedVm {
    private static final int LINES_KEPT = 30;

    private final Process process;
    private final Path logFile;
    private final Consumer<String> warn;
    private final BufferedWriter log;
    // All under this object's monitor.
    private final Map<String, Port> ports = new LinkedHashMap<>();
    private final Deque<String> lastLines = new ArrayDeque<>();
    private Event end;
    private int openStreams = 2;

    /**
     * Where a port of the application is on the host.
     *
     * @param address an IP address
     * @param number the host's
     */
    public record Port(String address, String number) {
        /**
         * As it stands in a URL.
         *
         * @return host and port
         */
        public String authority() {
            return (address.contains(":") ? "[" + address + "]" : address) + ":" + number;
        }
    }

    /**
     * Starts one.
     *
     * @param moka makes the process
     * @param builder of {@link Moka#run} with {@code --output json}
     * @param logFile gets the application's output
     * @param warn for what moka says that the user must know
     * @throws Advice where moka or the file cannot be opened
     */
    public StartedVm(Moka moka, ProcessBuilder builder, Path logFile, Consumer<String> warn)
            throws Advice {
        this.logFile = logFile;
        this.warn = warn;
        try {
            Files.createDirectories(logFile.getParent());
            log = Files.newBufferedWriter(logFile);
        } catch (IOException problem) {
            throw new Advice("cannot write the application's output to " + logFile + " ("
                    + problem.getMessage() + ")", problem);
        }
        try {
            process = moka.start(builder);
        } catch (Advice noProcess) {
            closeQuietly(log);
            throw noProcess;
        }
        // Nobody types here: the application reads its input's end at once.
        closeQuietly(process.getOutputStream());
        read(process.getInputStream(), "mokapot-output", this::keep);
        read(process.getErrorStream(), "mokapot-error", this::takeError);
    }

    private void read(InputStream stream, String name, Consumer<String> take) {
        Thread reader = new Thread(() -> {
            try (BufferedReader lines = new BufferedReader(
                    new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                for (String line; (line = lines.readLine()) != null; ) {
                    take.accept(line);
                }
            } catch (IOException closed) {
                // As good as the end: moka was killed.
            } finally {
                closeStream();
            }
        }, name);
        reader.setDaemon(true);
        reader.start();
    }

    private synchronized void closeStream() {
        if (--openStreams == 0) {
            closeQuietly(log);
        }
        notifyAll();
    }

    private synchronized void keep(String line) {
        if (lastLines.size() == LINES_KEPT) {
            lastLines.removeFirst();
        }
        lastLines.addLast(line);
        try {
            log.write(line);
            log.newLine();
            log.flush();
        } catch (IOException full) {
            // The application goes on; its last lines are still kept.
        }
    }

    private synchronized void takeError(String line) {
        Event.Line parts = Event.parse(line);
        if (parts.text() != null) {
            keep(parts.text());
        }
        if (parts.event() == null) {
            return;
        }
        Event event = parts.event();
        switch (event.kind()) {
            case "published" -> {
                if (event.text("protocol").equals("tcp")) {
                    ports.putIfAbsent(event.text("guestPort"),
                            new Port(event.text("address"), event.text("port")));
                }
            }
            case "error", "warning" -> warn.accept("moka: " + event.text("message"));
            case "refused" -> warn.accept("port " + event.text("guestPort") + " is not published: "
                    + event.text("reason"));
            case "end" -> end = event;
            default -> { }
        }
        notifyAll();
    }

    /**
     * Waits until the application can be reached.
     *
     * @param wanted ports of the application; where there are none, its first is waited for
     * @param seconds at most
     * @return all that are published by then, by the application's numbers
     * @throws Advice where it ended or was not ready in time: nothing of it is left then
     */
    public Map<String, Port> awaitReady(Set<String> wanted, long seconds) throws Advice {
        try {
            if (isReadyWithin(wanted, seconds)) {
                synchronized (this) {
                    return new LinkedHashMap<>(ports);
                }
            }
        } catch (InterruptedException interrupted) {
            stop(0);
            Thread.currentThread().interrupt();
            throw new Advice("interrupted while the application started", interrupted);
        }
        // By its streams: they end first, and for a moment the process may still count as alive.
        boolean hadEnded = hasClosedStreams();
        ExitReport report = hadEnded ? report() : null;
        stop(0);
        throw new Advice((hadEnded ? report.sentence() + ", before it was ready"
                : "the application did not listen on " + (wanted.isEmpty() ? "any port" : "port "
                        + String.join(", ", wanted)) + " within " + seconds
                        + " s; -Dmokapot.startTimeout=SECONDS gives it longer") + lastWords());
    }

    private synchronized boolean hasClosedStreams() {
        return openStreams == 0;
    }

    private synchronized boolean isReadyWithin(Set<String> wanted, long seconds)
            throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (ports.isEmpty() || !ports.keySet().containsAll(wanted)) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0 || openStreams == 0) {
                return false;
            }
            wait(left);
        }
        return true;
    }

    /** The last lines of the application, as the end of a message. */
    private synchronized String lastWords() {
        if (lastLines.isEmpty()) {
            return "";
        }
        return ". It said (all of it is in " + logFile + "):\n  " + String.join("\n  ", lastLines);
    }

    /**
     * Whether it has ended by itself.
     *
     * @return true once moka is gone
     */
    public boolean hasEnded() {
        return !process.isAlive();
    }

    /**
     * How it ended.
     *
     * @return the report; waits for moka's last words
     */
    public ExitReport report() {
        try {
            int status = process.waitFor();
            synchronized (this) {
                while (openStreams > 0) {
                    wait();
                }
                return end != null ? ExitReport.of(end.members(), status)
                        : new ExitReport(status, "moka", "");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return new ExitReport(-1, "moka", "interrupted");
        }
    }

    /**
     * Ends it as SIGTERM does; by force where that takes too long.
     *
     * @param seconds it has for that
     * @return false where it took force
     */
    public boolean stop(long seconds) {
        return RunningVms.end(List.of(process), seconds);
    }

    private static void closeQuietly(java.io.Closeable closeable) {
        try {
            closeable.close();
        } catch (IOException alreadyGone) {
            // Nothing was to be written any more.
        }
    }
}
