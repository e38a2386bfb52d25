// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventTest {
    @TempDir Path folder;

    @Test
    void anEventIsALine() {
        Event.Line line = Event.parse("{\"event\":\"published\",\"guestPort\":8080,\"address\":\"::1\"}");
        assertNull(line.text());
        assertEquals("published", line.event().kind());
        assertEquals("8080", line.event().text("guestPort"));
        assertEquals("::1", line.event().text("address"));
        assertEquals("", line.event().text("nothing"));
    }

    @Test
    void theApplicationsLinesAreItsOwn() {
        for (String text : new String[] {"", "hello", "{\"level\":\"info\"}", "{\"event\":\"cut",
                "[1]"}) {
            assertEquals(text, Event.parse(text).text());
            assertNull(Event.parse(text).event());
        }
    }

    @Test
    void anUnfinishedLineKeepsWhatItSaid() {
        Event.Line line = Event.parse("Password: {\"event\":\"warning\",\"message\":\"m\"}");
        assertEquals("Password: ", line.text());
        assertEquals("m", line.event().text("message"));
    }

    @Test
    void aStatusFileSaysWhoEndedIt() throws Exception {
        Path file = Files.writeString(folder.resolve("status"),
                "{\"status\":3,\"by\":\"application\",\"signal\":0,\"reason\":\"\"}\n");
        ExitReport report = ExitReport.read(file, 3);
        assertTrue(report.isByApplication());
        assertEquals("the application ended with status 3", report.sentence());
    }

    @Test
    void withoutOneItWasMoka() throws Exception {
        ExitReport report = ExitReport.read(folder.resolve("none"), 2);
        assertFalse(report.isByApplication());
        assertTrue(report.sentence().startsWith("moka refused"), report.sentence());
        Path cut = Files.writeString(folder.resolve("cut"), "{\"stat");
        assertEquals("moka ended with status 125", ExitReport.read(cut, 125).sentence());
    }
}
