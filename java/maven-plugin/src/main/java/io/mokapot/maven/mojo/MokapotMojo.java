// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.distribution.Distribution;
import io.mokapot.maven.moka.RunningVms;
import io.mokapot.maven.support.Advice;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.maven.artifact.Artifact;
import org.apache.maven.execution.MavenSession;
import org.apache.maven.plugin.AbstractMojo;
import org.apache.maven.plugin.MojoExecution;
import org.apache.maven.plugin.MojoFailureException;
import org.apache.maven.plugin.descriptor.PluginDescriptor;
import org.apache.maven.plugins.annotations.Parameter;

/** What all goals share: moka, and advice as the build's last word. */
abstract class MokapotMojo extends AbstractMojo {
    private static final String GROUP = "io.mokapot";
    private static final String ARTIFACT = "mokapot-dist";
    private static final long SECONDS_WHEN_INTERRUPTED = 20;
    private static final String PLATFORM = "linux-x86_64";

    /** An installed moka, instead of the one that comes with the plugin. */
    @Parameter(property = "mokapot.moka")
    private File moka;

    @Parameter(defaultValue = "${session}", readonly = true, required = true)
    private MavenSession session;

    @Parameter(defaultValue = "${plugin}", readonly = true, required = true)
    private PluginDescriptor plugin;

    @Parameter(defaultValue = "${mojoExecution}", readonly = true, required = true)
    private MojoExecution execution;

    @Override
    public final void execute() throws MojoFailureException {
        try {
            executeWithAdvice();
        } catch (Advice advice) {
            throw new MojoFailureException(advice.getMessage(), advice);
        }
    }

    protected abstract void executeWithAdvice() throws Advice;

    /** The status of moka's end. */
    protected static int waitFor(Process process) throws Advice {
        try {
            return process.waitFor();
        } catch (InterruptedException interrupted) {
            RunningVms.end(List.of(process), SECONDS_WHEN_INTERRUPTED);
            Thread.currentThread().interrupt();
            throw new Advice("interrupted", interrupted);
        }
    }

    protected final MavenSession session() {
        return session;
    }

    protected final PluginDescriptor plugin() {
        return plugin;
    }

    protected final MojoExecution execution() {
        return execution;
    }

    /** moka, as named or as it comes with the plugin. */
    protected final Path mokaProgram() throws Advice {
        if (moka != null) {
            Path program = moka.toPath().toAbsolutePath();
            if (!Files.isRegularFile(program) || !Files.isExecutable(program)) {
                throw new Advice("-Dmokapot.moka=" + moka + " is no program; name moka itself, or leave it "
                        + "out: one comes with this plugin");
            }
            return program;
        }
        String platform = System.getProperty("os.name").toLowerCase(java.util.Locale.ROOT) + "-"
                + System.getProperty("os.arch").replace("amd64", "x86_64");
        if (!platform.equals(PLATFORM)) {
            throw new Advice("moka comes for " + PLATFORM + " and this is " + platform
                    + "; build it here and name it by -Dmokapot.moka=PATH");
        }
        return new Distribution(Distribution.defaultCache()).program(archive());
    }

    private Path archive() throws Advice {
        for (Artifact artifact : plugin.getArtifacts()) {
            if (artifact.getGroupId().equals(GROUP) && artifact.getArtifactId().equals(ARTIFACT)
                    && PLATFORM.equals(artifact.getClassifier())) {
                return artifact.getFile().toPath();
            }
        }
        throw new Advice("this plugin came without " + GROUP + ":" + ARTIFACT + ":" + PLATFORM
                + "; do not exclude it, or name an installed moka by -Dmokapot.moka=PATH");
    }
}
