// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.support;

import java.util.ArrayList;
import java.util.List;

/** Words of a line as a shell would see them, without anything being expanded. */
public final class Words {
    private Words() {}

    /**
     * Splits at blanks. Single quotes take everything literally; in double quotes and outside of quotes
     * a backslash takes the next character literally.
     *
     * @param line a line, or null for none
     * @return its words; an empty pair of quotes is an empty word
     * @throws Advice where a quote does not end
     */
    public static List<String> split(String line) throws Advice {
        List<String> words = new ArrayList<>();
        if (line == null) {
            return words;
        }
        StringBuilder word = null;
        char quote = 0;
        for (int at = 0; at < line.length(); ++at) {
            char next = line.charAt(at);
            if (quote == 0 && Character.isWhitespace(next)) {
                if (word != null) {
                    words.add(word.toString());
                    word = null;
                }
                continue;
            }
            if (word == null) {
                word = new StringBuilder();
            }
            if (quote == 0 && (next == '"' || next == '\'')) {
                quote = next;
            } else if (next == quote) {
                quote = 0;
            } else if (next == '\\' && quote != '\'' && at + 1 < line.length()) {
                word.append(line.charAt(++at));
            } else {
                word.append(next);
            }
        }
        if (quote != 0) {
            throw new Advice("a quote (" + quote + ") does not end in: " + line);
        }
        if (word != null) {
            words.add(word.toString());
        }
        return words;
    }
}
