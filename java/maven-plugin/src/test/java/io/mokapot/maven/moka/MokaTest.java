// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.mokapot.maven.application.Application;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MokaTest {
    private static final VmOptions OPTIONS = new VmOptions("1G", "2", "/jdk", List.of("-ea"),
            Map.of("TOKEN", "secret"), "env", null, List.of("/a:/b"), List.of("9000:8080", "53:53/udp"),
            List.of("-v"), List.of("x y"));
    private static final Application APPLICATION = new Application("a jar", Path.of("/folder"),
            List.of("--add-opens=a"), List.of("app.jar"));

    private final Moka moka = new Moka(Path.of("/moka"), Path.of("/work"));

    @Test
    void runSaysEverythingAndNoSecret() {
        ProcessBuilder builder = moka.run(APPLICATION, OPTIONS, List.of("--output", "json"));
        String owner = Long.toString(ProcessHandle.current().pid());
        assertEquals(List.of("/moka", "run", "--owner", owner, "--output", "json", "-c", "2",
                "--mount", "/a:/b", "-m", "1G", "--jdk", "/jdk", "-J", "-ea", "-e", "TOKEN", "--env-file",
                "env", "-p", "9000:8080", "-p", "53:53/udp", "-J", "--add-opens=a", "--dir", "/folder", "-v",
                "app.jar", "x y"), builder.command());
        assertEquals("secret", builder.environment().get("TOKEN"));
        assertFalse(builder.command().toString().contains("secret"));
    }

    @Test
    void anImageKnowsNothingOfTheMachine() {
        assertEquals(List.of("/moka", "build", "-o", "a.qcow2", "-m", "1G", "--jdk", "/jdk", "-J", "-ea",
                "-e", "TOKEN", "--env-file", "env", "-p", "9000:8080", "-p", "53:53/udp", "-J",
                "--add-opens=a", "--dir", "/folder", "-v", "app.jar", "--", "x y"),
                moka.build(APPLICATION, OPTIONS, List.of("-o", "a.qcow2")).command());
    }

    @Test
    void onlyTcpPortsAreWaitedFor() {
        assertEquals(Set.of("8080"), OPTIONS.guestPorts());
    }
}
