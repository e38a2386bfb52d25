// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.application.Application;
import io.mokapot.maven.application.ApplicationFinder;
import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.moka.VmOptions;
import io.mokapot.maven.support.Advice;
import io.mokapot.maven.support.Words;
import java.io.File;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.inject.Inject;
import org.apache.maven.plugins.annotations.Parameter;
import org.apache.maven.project.MavenProject;
import org.apache.maven.toolchain.Toolchain;
import org.apache.maven.toolchain.ToolchainManager;

/** A goal about a project's application and the VM for it. */
abstract class VmMojo extends MokapotMojo {
    /** Passes the goal over. */
    @Parameter(property = "mokapot.skip", defaultValue = "false")
    private boolean skip;

    /** The class to start, where the project does not tell by itself. */
    @Parameter(property = "mokapot.mainClass")
    private String mainClass;

    /** A jar or war to start instead of what the project builds. */
    @Parameter(property = "mokapot.jar")
    private File jar;

    /** The VM's memory, as after moka's -m: 512, 2G. */
    @Parameter(property = "mokapot.memory")
    private String memory;

    /** The number of virtual CPUs. */
    @Parameter(property = "mokapot.cpus")
    private String cpus;

    /** The JDK in the VM; else that of the toolchain, else the one that runs Maven. */
    @Parameter(property = "mokapot.jdk")
    private String jdk;

    /** The application's arguments: words, with quotes as in a shell. */
    @Parameter(property = "mokapot.args")
    private String args;

    /** The JVM's options: words, with quotes as in a shell. */
    @Parameter(property = "mokapot.jvmArgs")
    private String jvmArgs;

    /** Environment variables of the application. */
    @Parameter
    private Map<String, String> environment;

    /** A file of NAME=VALUE lines: the place for secrets. */
    @Parameter(property = "mokapot.envFile")
    private File envFile;

    /** A folder that is copied into the VM; the application starts in it. */
    @Parameter(property = "mokapot.dir")
    private File dir;

    /** Folders of the host that the VM shares: HOST:GUEST[:ro]. */
    @Parameter(property = "mokapot.mounts")
    private List<String> mounts;

    /** Where ports of the application appear on the host: [[ADDR:]HOST:]GUEST[/udp]. */
    @Parameter(property = "mokapot.ports")
    private List<String> ports;

    /** More options of moka, as they are: words, with quotes as in a shell. */
    @Parameter(property = "mokapot.options")
    private String options;

    @Parameter(defaultValue = "${project}", readonly = true, required = true)
    private MavenProject project;

    /** Where the goal forked a lifecycle: what that built. Null where it did not. */
    @Parameter(defaultValue = "${executedProject}", readonly = true)
    private MavenProject executedProject;

    @Inject private ToolchainManager toolchains;

    @Override
    protected final void executeWithAdvice() throws Advice {
        if (skip) {
            getLog().info("mokapot.skip is set: passed over");
            return;
        }
        if (project.getPackaging().equals("pom") && jar == null) {
            getLog().info(project.getArtifactId() + " is an aggregator and builds no application: "
                    + "passed over");
        } else {
            ForkedLifecycle.handOver(builtProject(), project, session(), execution());
            ApplicationFinder finder = new ApplicationFinder(ProjectOutputs.of(builtProject(), mainClass,
                    jar));
            Optional<Application> application = finder.find();
            if (application.isPresent()) {
                progress().applicationFound();
                getLog().info(project.getArtifactId() + ": " + application.get().description());
                executeWith(application.get());
            } else if (session().getProjects().size() == 1) {
                throw finder.nothingFound();
            } else {
                getLog().info(project.getArtifactId() + " has no main class: passed over as a library");
            }
        }
        progress().projectDone();
    }

    private ReactorProgress progress() {
        return ReactorProgress.of(session(), plugin(), execution());
    }

    /** The goal's own work. */
    protected abstract void executeWith(Application application) throws Advice;

    protected final MavenProject project() {
        return project;
    }

    protected final MavenProject builtProject() {
        return executedProject != null ? executedProject : project;
    }

    protected final Path buildFolder() {
        return Path.of(project.getBuild().getDirectory());
    }

    protected final Moka moka() throws Advice {
        return new Moka(mokaProgram(), project.getBasedir().toPath());
    }

    protected final VmOptions vmOptions() throws Advice {
        return new VmOptions(memory, cpus, jdk(), Words.split(jvmArgs),
                environment(), path(envFile), path(dir), mounts(), ports(),
                Words.split(options), Words.split(args));
    }

    private Map<String, String> environment() {
        Map<String, String> variables = new LinkedHashMap<>();
        if (environment != null) {
            // Maven reads an empty element as null.
            environment.forEach((name, value) -> variables.put(name, value != null ? value : ""));
        }
        return variables;
    }

    private List<String> mounts() {
        return mounts != null ? mounts : List.of();
    }

    private List<String> ports() {
        return ports != null ? ports : List.of();
    }

    private static String path(File file) {
        return file != null ? file.getPath() : null;
    }

    private String jdk() {
        if (jdk != null && !jdk.isEmpty()) {
            return jdk;
        }
        Toolchain toolchain = toolchains.getToolchainFromBuildContext("jdk", session());
        String java = toolchain != null ? toolchain.findTool("java") : null;
        // DIR/bin/java
        return java != null ? Path.of(java).getParent().getParent().toString()
                : System.getProperty("java.home");
    }
}
