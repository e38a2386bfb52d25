// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.application.ProjectOutput;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.apache.maven.artifact.Artifact;
import org.apache.maven.project.MavenProject;

/** Translates Maven's projects. */
final class ProjectOutputs {
    private static final Set<String> SCOPES = Set.of(Artifact.SCOPE_COMPILE, Artifact.SCOPE_RUNTIME,
            Artifact.SCOPE_SYSTEM);
    private static final Set<String> NO_PROGRAMS = Set.of("sources", "test-sources", "javadoc",
            "test-javadoc", "tests");

    private ProjectOutputs() {}

    static ProjectOutput of(MavenProject project, String mainClass, File jar) {
        List<Path> classPath = project.getArtifacts().stream()
                .filter(artifact -> SCOPES.contains(artifact.getScope())
                        && artifact.getArtifactHandler().isAddedToClasspath() && artifact.getFile() != null)
                .map(artifact -> artifact.getFile().toPath()).toList();
        List<Path> attached = project.getAttachedArtifacts().stream()
                .filter(artifact -> artifact.getFile() != null
                        && !NO_PROGRAMS.contains(artifact.getClassifier() + ""))
                .map(artifact -> artifact.getFile().toPath()).toList();
        File artifact = project.getArtifact().getFile();
        return new ProjectOutput(project.getArtifactId(), project.getPackaging(),
                artifact != null ? artifact.toPath() : null, attached,
                Path.of(project.getBuild().getDirectory()), classPath, fallBack(mainClass, project),
                jar != null ? jar.toPath() : null);
    }

    /** exec-maven-plugin's name for the same thing: many projects have it already. */
    private static String fallBack(String mainClass, MavenProject project) {
        return mainClass != null ? mainClass : project.getProperties().getProperty("exec.mainClass");
    }
}
