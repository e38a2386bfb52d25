// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.support.Advice;
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
        getLog().info("JDK: " + System.getProperty("java.home") + " (" + System.getProperty("java.version") + ")");
        Moka moka = new Moka(program, Path.of("").toAbsolutePath());
        int status = waitFor(moka.start(moka.command(List.of("doctor")).inheritIO()));
        if (status != 0) {
            throw new Advice("something is missing on this host; moka doctor says above what to install");
        }
    }
}
