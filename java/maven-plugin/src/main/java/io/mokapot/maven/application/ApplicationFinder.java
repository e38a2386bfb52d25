// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.application;

import io.mokapot.maven.support.Advice;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Tells how a project's application is started: which of its files is a program by itself, or which
 * class with which class path.
 *
 * <p>In this order: the jar that the user named; Quarkus's fast-jar; a Spring Boot archive; a main
 * class that the user named; a jar whose manifest names one; the only class with a main method.
 */
public final class ApplicationFinder {
    private static final String NAME_IT = "-Dmokapot.mainClass=CLASS, or <mainClass> in the plugin's "
            + "configuration";
    private static final int CLASSES_LISTED = 5;

    private final ProjectOutput project;

    /** @param project what to look at */
    public ApplicationFinder(ProjectOutput project) {
        this.project = project;
    }

    /**
     * Looks for the application.
     *
     * @return how to start it; empty for a project that builds no archive, and for one that has no main
     *     class and was not told of one
     * @throws Advice where it is not clear what to start, or a file cannot be read
     */
    public Optional<Application> find() throws Advice {
        if (project.jar() != null) {
            return Optional.of(archive(Jar.open(project.jar())));
        }
        Path quarkus = project.buildFolder().resolve("quarkus-app/quarkus-run.jar");
        if (Files.isRegularFile(quarkus)) {
            return Optional.of(quarkus(quarkus));
        }
        List<Jar> candidates = candidates();
        for (Jar jar : candidates) {
            if (jar.isSpringBoot()) {
                return Optional.of(selfContained("a Spring Boot archive", jar));
            }
        }
        if (candidates.isEmpty()) {
            return Optional.empty();
        }
        if (project.mainClass() != null) {
            return Optional.of(mainClass(project.mainClass(), candidates.get(0)));
        }
        // An attached jar with a main class is there for being started: all in one, as a rule.
        for (Jar jar : candidates.subList(1, candidates.size())) {
            if (!jar.mainClass().isEmpty() && holdsAll(jar)) {
                return Optional.of(selfContained("a jar with its dependencies", jar));
            }
        }
        return archiveOrOnlyClass(candidates.get(0));
    }

    /**
     * For a project in which nothing to start was found.
     *
     * @return what to do
     */
    public Advice nothingFound() {
        if (project.packaging().equals("war")) {
            return new Advice(project.name() + " is a war without a main class, for a server that is not "
                    + "part of it; let it bring its own server (Spring Boot's war does), or run a server's jar: "
                    + "-Dmokapot.jar=FILE");
        }
        return new Advice(project.name() + " has no class with public static void main(String[]); write "
                + "one, or name one of a dependency: " + NAME_IT);
    }

    private List<Jar> candidates() throws Advice {
        List<Jar> jars = new ArrayList<>();
        List<Path> paths = new ArrayList<>();
        if (project.artifact() != null && isArchive(project.artifact())) {
            paths.add(project.artifact());
        }
        project.attached().stream().filter(ApplicationFinder::isArchive).forEach(paths::add);
        for (Path path : paths) {
            jars.add(Jar.open(path));
        }
        return jars;
    }

    private static boolean isArchive(Path path) {
        String name = path.getFileName().toString();
        return Files.isRegularFile(path) && (name.endsWith(".jar") || name.endsWith(".war"));
    }

    /** A jar that the user named speaks for itself. */
    private Application archive(Jar jar) {
        if (project.mainClass() != null) {
            return mainClass(project.mainClass(), jar);
        }
        return selfContained("the jar that was named", jar);
    }

    private Application quarkus(Path jar) {
        // Its loader opens files beside it that no manifest names, so the whole folder goes along.
        return new Application("a Quarkus fast-jar", jar.getParent(), List.of(),
                List.of(jar.getFileName().toString()));
    }

    private static Application selfContained(String description, Jar jar) {
        return new Application(description, null, List.of(), List.of(jar.path().toString()));
    }

    private Optional<Application> archiveOrOnlyClass(Jar jar) throws Advice {
        if (!jar.mainClass().isEmpty()) {
            return Optional.of(jar.hasClassPath() || holdsAll(jar)
                    ? selfContained("a jar", jar) : mainClass(jar.mainClass(), jar));
        }
        if (project.packaging().equals("war")) {
            return Optional.empty();
        }
        List<String> classes;
        try {
            classes = MainClasses.in(jar.path());
        } catch (IOException problem) {
            throw new Advice("cannot read " + jar.path() + " (" + problem.getMessage()
                    + "); build it anew: mvn clean package", problem);
        }
        if (classes.isEmpty()) {
            return Optional.empty();
        }
        if (classes.size() > 1) {
            String named = classes.stream().limit(CLASSES_LISTED).collect(Collectors.joining(", "));
            throw new Advice(project.name() + " has " + classes.size() + " classes with a main method ("
                    + named + (classes.size() > CLASSES_LISTED ? ", ..." : "") + "); say which: " + NAME_IT);
        }
        return Optional.of(mainClass(classes.get(0), jar));
    }

    private boolean holdsAll(Jar jar) throws Advice {
        return jar.contains(project.classPath());
    }

    private Application mainClass(String name, Jar jar) {
        String classPath = java.util.stream.Stream.concat(
                        java.util.stream.Stream.of(jar.path()), project.classPath().stream())
                .map(Path::toString).collect(Collectors.joining(File.pathSeparator));
        return new Application("class " + name, null, jar.optionsOfManifest(),
                List.of("-cp", classPath, name));
    }
}
