// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.moka.HostPrograms;
import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.support.Advice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.apache.maven.plugins.annotations.Mojo;

/** Says what this host can do, and what is to be installed. */
@Mojo(name = "doctor", requiresProject = false, aggregator = true, threadSafe = true)
public final class DoctorMojo extends MokapotMojo {
    @Override
    protected void executeWithAdvice() throws Advice {
        Path program = mokaProgram();
        getLog().info("plugin: " + plugin().getVersion());
        getLog().info("moka: " + program);
        getLog().info("JDK: " + System.getProperty("java.home") + " ("
                + System.getProperty("java.version") + ")");
        Moka moka = new Moka(program, Path.of("").toAbsolutePath());
        if (hasDoctor(moka)) {
            int status = waitFor(moka.start(moka.command(List.of("doctor")).inheritIO()));
            if (status != 0) {
                throw new Advice("moka doctor ended with status " + status + "; it says above what to do");
            }
            return;
        }
        List<String> missing = HostPrograms.missing(System.getenv("PATH"));
        if (!missing.isEmpty()) {
            throw new Advice(String.join("; ", missing));
        }
        getLog().info("QEMU and mkfs.erofs are there");
    }

    private static boolean hasDoctor(Moka moka) throws Advice {
        Process help = moka.start(moka.command(List.of("--help")).redirectErrorStream(true));
        try {
            return new String(help.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                    .contains("moka doctor");
        } catch (IOException noAnswer) {
            return false;
        } finally {
            waitFor(help);
        }
    }
}
