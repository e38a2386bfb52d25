// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import io.mokapot.maven.support.Advice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** What {@code moka check} said of an application that will break. */
public final class Findings {
    private static final String BREAKS = "breaks: ";

    private Findings() { }

    /**
     * Asks moka, for a goal that is about something else: an application that cannot be checked is
     * nothing to warn of.
     *
     * @param moka whom to ask
     * @param check made by {@link Moka#check}
     * @return one sentence
     * @throws Advice where moka cannot be executed
     */
    public static Optional<String> warning(Moka moka, ProcessBuilder check) throws Advice {
        Process process = moka.start(check.redirectError(ProcessBuilder.Redirect.DISCARD));
        try {
            process.getOutputStream().close();
            return sentence(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines().toList());
        } catch (IOException unreadable) {
            return Optional.empty();
        }
    }

    static Optional<String> sentence(List<String> lines) {
        List<String> breaking = lines.stream().filter(line -> line.startsWith(BREAKS)).toList();
        if (breaking.isEmpty()) {
            return Optional.empty();
        }
        String more = breaking.size() == 1 ? "" : "; and " + (breaking.size() - 1) + " more";
        return Optional.of(breaking.get(0).substring(BREAKS.length()) + more + " (mokapot:check says all)");
    }
}
