// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.StringJoiner;

/** What the program and the kernel hold, as {@code NAME=NUMBER} words. */
class Report {
    static String line(int connections) throws IOException {
        System.gc();
        var words = new StringJoiner(" ");
        Runtime runtime = Runtime.getRuntime();
        words.add("heap=" + (runtime.totalMemory() - runtime.freeMemory()) / 1024);
        words.add("threads=" + Thread.activeCount());
        words.add("connections=" + connections);
        try (var entries = Files.list(Path.of("/proc/self/fd"))) {
            words.add("descriptors=" + entries.count());
        }
        for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
            String[] parts = line.split("\\s+");
            words.add(parts[0].replace(":", "") + "=" + parts[1]);
        }
        for (String line : Files.readAllLines(Path.of("/proc/net/sockstat"))) {
            String[] parts = line.split("\\s+");
            for (int i = 1; i + 1 < parts.length; i += 2) {
                words.add(parts[0] + parts[i] + "=" + parts[i + 1]);
            }
        }
        pairs(words, "/proc/net/snmp");
        pairs(words, "/proc/net/netstat");
        return words.toString();
    }

    /** Files of a line of names and a line of numbers for each protocol. */
    private static void pairs(StringJoiner words, String file) throws IOException {
        if (!Files.exists(Path.of(file))) {
            return;
        }
        var lines = Files.readAllLines(Path.of(file));
        for (int i = 0; i + 1 < lines.size(); i += 2) {
            String[] names = lines.get(i).split(" ");
            String[] values = lines.get(i + 1).split(" ");
            for (int column = 1; column < names.length; ++column) {
                words.add(names[0] + names[column] + "=" + values[column]);
            }
        }
    }
}
