// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FindingsTest {
    @Test
    void whatIsMerelyReferredToIsNoWarning() {
        assertEquals(Optional.empty(), Findings.sentence(List.of("refers: a.jar!A.b starts a process", "1 classes")));
        assertEquals(Optional.empty(), Findings.sentence(List.of()));
    }

    @Test
    void theFirstThatBreaksStandsForAll() {
        assertEquals(Optional.of("a.jar!A.b starts (mokapot:check says all)"),
                Findings.sentence(List.of("breaks: a.jar!A.b starts", "refers: c")));
        assertEquals(Optional.of("a; and 1 more (mokapot:check says all)"),
                Findings.sentence(List.of("breaks: a", "breaks: b")));
    }
}
