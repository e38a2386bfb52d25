// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.support;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

class WordsTest {
    @Test
    void blanksSeparate() throws Advice {
        assertEquals(List.of("a", "b", "c"), Words.split("  a b\t\nc "));
        assertEquals(List.of(), Words.split(null));
        assertEquals(List.of(), Words.split("  "));
    }

    @Test
    void quotesKeepTogether() throws Advice {
        assertEquals(List.of("a b", "c d", "", "e"), Words.split("'a b' \"c d\" '' e"));
        assertEquals(List.of("-Dx=a b"), Words.split("-Dx='a b'"));
        assertEquals(List.of("\"", "a\\b", "a b"), Words.split("\"\\\"\" 'a\\b' a\\ b"));
    }

    @Test
    void anUnfinishedQuoteIsNamed() {
        Advice advice = assertThrows(Advice.class, () -> Words.split("it's"));
        assertEquals("a quote (') does not end in: it's", advice.getMessage());
    }
}
