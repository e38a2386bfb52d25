// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import io.mokapot.maven.application.Application;
import io.mokapot.maven.support.Advice;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Makes processes of moka. None of them outlives this JVM: moka itself watches the process that it
 * is told of by {@code --owner}, which holds even where nothing of ours can run any more.
 */
public final class Moka {
    private final Path program;
    private final Path workingFolder;

    /**
     * @param program moka
     * @param workingFolder where relative paths of options and of the application begin
     */
    public Moka(Path program, Path workingFolder) {
        this.program = program;
        this.workingFolder = workingFolder;
    }

    /**
     * A VM with the application in it.
     *
     * @param application what to run
     * @param options of the VM
     * @param session options that the goal itself needs
     * @return ready to be started; streams are pipes
     */
    public ProcessBuilder run(Application application, VmOptions options, List<String> session) {
        List<String> words = new ArrayList<>(List.of(program.toString(), "run"));
        words.add("--owner");
        words.add(Long.toString(ProcessHandle.current().pid()));
        words.addAll(session);
        words.addAll(options.ofRun());
        addApplication(words, application, options);
        words.addAll(options.arguments());
        return process(words, options);
    }

    /**
     * An image.
     *
     * @param application what it starts
     * @param options of the VM
     * @param image options of moka build that say what becomes of it and where
     * @return ready to be started
     */
    public ProcessBuilder build(Application application, VmOptions options, List<String> image) {
        List<String> words = new ArrayList<>(List.of(program.toString(), "build"));
        words.addAll(image);
        addApplication(words, application, options);
        if (!options.arguments().isEmpty()) {
            words.add("--");
            words.addAll(options.arguments());
        }
        return process(words, options);
    }

    /**
     * What in the application will not work.
     *
     * @param application to be checked
     * @param options of the VM
     * @param check options of moka check
     * @return ready to be started
     */
    public ProcessBuilder check(Application application, VmOptions options, List<String> check) {
        List<String> words = new ArrayList<>(List.of(program.toString(), "check"));
        words.addAll(check);
        addApplication(words, application, options);
        return process(words, options);
    }

    /**
     * Any other command of moka.
     *
     * @param words behind the program's name
     * @return ready to be started
     */
    public ProcessBuilder command(List<String> words) {
        List<String> all = new ArrayList<>(List.of(program.toString()));
        all.addAll(words);
        return new ProcessBuilder(all).directory(workingFolder.toFile());
    }

    /**
     * Starts what the other methods made.
     *
     * @param builder one of theirs
     * @return the process, which {@link RunningVms} ends at the latest with this JVM
     * @throws Advice where moka cannot be executed
     */
    public Process start(ProcessBuilder builder) throws Advice {
        try {
            return RunningVms.started(builder);
        } catch (IOException problem) {
            throw new Advice("cannot start moka (" + problem.getMessage()
                    + "); -Dmokapot.moka=PATH names another", problem);
        }
    }

    private static void addApplication(List<String> words, Application application,
            VmOptions options) {
        words.addAll(options.common());
        application.jvmOptions().forEach(option -> VmOptions.add(words, "-J", option));
        VmOptions.add(words, "--dir", options.folder() != null ? options.folder()
                : application.folder() != null ? application.folder().toString() : null);
        words.addAll(options.more());
        words.addAll(application.target());
    }

    private ProcessBuilder process(List<String> words, VmOptions options) {
        ProcessBuilder builder = new ProcessBuilder(words).directory(workingFolder.toFile());
        builder.environment().putAll(options.environment());
        return builder;
    }
}
