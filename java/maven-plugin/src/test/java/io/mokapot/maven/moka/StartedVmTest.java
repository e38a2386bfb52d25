// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mokapot.maven.support.Advice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A shell script stands in for moka. */
class StartedVmTest {
    private static final String LISTENS = "echo '{\"event\":\"published\",\"protocol\":\"tcp\","
            + "\"address\":\"127.0.0.1\",\"port\":%s,\"guestPort\":%s}' >&2; ";
    private static final String FOREVER = "while :; do sleep 1 & wait $!; done";
    /** More than any of these scripts needs on the busiest machine. */
    private static final long LONG = 120;

    @TempDir Path folder;
    private final List<String> warnings = Collections.synchronizedList(new ArrayList<>());

    private StartedVm start(String script) throws Advice {
        Moka moka = new Moka(Path.of("/bin/sh"), folder);
        return new StartedVm(moka, moka.command(List.of("-c", script)), folder.resolve("out/log"),
                warnings::add);
    }

    private static String listens(int port, int guestPort) {
        return LISTENS.formatted(port, guestPort);
    }

    @Test
    void theFirstPortIsEnough() throws Exception {
        StartedVm vm = start("echo hello; " + listens(9000, 8080) + FOREVER);
        Map<String, StartedVm.Port> ports = vm.awaitReady(Set.of(), LONG);
        assertEquals("127.0.0.1:9000", ports.get("8080").authority());
        assertTrue(vm.stop(LONG));
        assertTrue(vm.hasEnded());
        assertEquals(143, vm.report().status());
        assertEquals("hello\n", Files.readString(folder.resolve("out/log")));
    }

    @Test
    void lastWordsAreHeard() throws Exception {
        StartedVm vm = start("trap 'echo ending; sleep 1; echo ended; echo \"{\\\"event\\\":\\\"end\\\",\\\"by\\\":\\\"application\\\"}\" >&2; exit 0' "
                + "TERM; " + listens(9000, 8080) + FOREVER);
        vm.awaitReady(Set.of(), LONG);
        assertTrue(vm.stop(LONG));
        assertTrue(vm.report().isByApplication());
        assertEquals("ending\nended\n", Files.readString(folder.resolve("out/log")));
    }

    @Test
    void namedPortsAreAllWaitedFor() throws Exception {
        StartedVm vm = start(listens(1, 11) + listens(2, 12) + listens(3, 13) + FOREVER);
        assertTrue(vm.awaitReady(Set.of("13", "11"), LONG).keySet().containsAll(Set.of("11", "13")));
        vm.stop(LONG);
    }

    @Test
    void anEndBeforeThatIsReportedWithItsLastWords() throws Exception {
        StartedVm vm = start("echo first; echo last >&2; echo '{\"event\":\"end\",\"status\":3,"
                + "\"by\":\"application\",\"signal\":0,\"reason\":\"\"}' >&2; exit 3");
        String message = assertThrows(Advice.class, () -> vm.awaitReady(Set.of(), LONG)).getMessage();
        assertTrue(message.startsWith("the application ended with status 3, before it was ready"),
                message);
        assertTrue(message.contains("first") && message.contains("last"), message);
    }

    @Test
    void oneThatNeverListensIsEndedAndAdvised() throws Exception {
        StartedVm vm = start(FOREVER);
        String message = assertThrows(Advice.class, () -> vm.awaitReady(Set.of("80"), 0)).getMessage();
        assertTrue(message.contains("did not listen on port 80 within 0 s"), message);
        assertTrue(message.contains("-Dmokapot.startTimeout="), message);
        assertTrue(vm.hasEnded());
    }

    @Test
    void oneThatIgnoresTheRequestIsKilled() throws Exception {
        StartedVm vm = start("trap '' TERM; " + listens(9000, 8080) + FOREVER);
        vm.awaitReady(Set.of(), LONG);
        assertFalse(vm.stop(0));
        assertEquals(137, vm.report().status());
    }

    @Test
    void whatMokaSaysIsPassedOn() throws Exception {
        StartedVm vm = start("echo '{\"event\":\"warning\",\"message\":\"no address\"}' >&2; "
                + listens(9000, 8080) + FOREVER);
        vm.awaitReady(Set.of(), LONG);
        vm.stop(LONG);
        assertEquals(List.of("moka: no address"), warnings);
    }
}
