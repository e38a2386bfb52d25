// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The command line; durations are in seconds, rates in transactions a second. Zero warehouses: as the mode has it. */
record Options(String mode, int warehouses, int customers, int seconds, int warmUp, List<Integer> rates, int transactions, long seed) {
    private static final Set<String> NAMES =
            Set.of("mode", "warehouses", "customers", "seconds", "warm-up", "rates", "transactions", "seed");

    static Options parse(String[] words) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < words.length; i += 2) {
            String name = words[i].startsWith("--") ? words[i].substring(2) : "";
            if (!NAMES.contains(name)) {
                throw new IllegalArgumentException("no such option: " + words[i]);
            }
            if (i + 1 == words.length) {
                throw new IllegalArgumentException(words[i] + " needs a value");
            }
            given.put(name, words[i + 1]);
        }
        String mode = given.getOrDefault("mode", "throughput");
        if (!Set.of("throughput", "response", "fixed").contains(mode)) {
            throw new IllegalArgumentException("no such mode: " + mode);
        }
        List<Integer> rates = given.containsKey("rates")
                ? Arrays.stream(given.get("rates").split(",")).map(text -> number("rates", text, 1, 10_000_000)).toList() : List.of();
        return new Options(mode, number(given, "warehouses", 0, 0, 1000), number(given, "customers", 300, 1, 100_000),
                number(given, "seconds", 10, 1, 86_400), number(given, "warm-up", 10, 0, 86_400), rates,
                number(given, "transactions", 20_000, 1, 1_000_000_000), number(given, "seed", 1, 0, Integer.MAX_VALUE));
    }

    private static int number(Map<String, String> given, String name, int otherwise, int least, int most) {
        return given.containsKey(name) ? number(name, given.get(name), least, most) : otherwise;
    }

    private static int number(String name, String text, int least, int most) {
        try {
            int value = Integer.parseInt(text.trim());
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new IllegalArgumentException("--" + name + " " + text + ": give a number from " + least + " to " + most);
    }
}
