// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import java.io.File;
import java.util.List;
import org.apache.maven.execution.MavenSession;
import org.apache.maven.plugin.MojoExecution;
import org.apache.maven.project.MavenProject;

/**
 * What a lifecycle built that a goal forked. Maven keeps it in a copy of the project, which it forgets
 * when the goal ends: other modules of the build that depend on this one would look for its jar in
 * repositories, and not find it.
 */
final class ForkedLifecycle {
    private ForkedLifecycle() {}

    /** Gives the project the jar that the fork built, so that modules built later find it. */
    static void handOver(MavenProject built, MavenProject project, MavenSession session,
            MojoExecution execution) {
        File jar = built.getArtifact() != null ? built.getArtifact().getFile() : null;
        if (built != project && jar != null && isLast(execution, session.getGoals())) {
            project.getArtifact().setFile(jar);
        }
    }

    /**
     * Where other goals follow they package the project themselves, and the jar plugin refuses a project
     * that has its jar already.
     */
    private static boolean isLast(MojoExecution execution, List<String> goals) {
        return execution.getSource() == MojoExecution.Source.CLI && !goals.isEmpty()
                && goals.get(goals.size() - 1).matches(".*:" + execution.getGoal() + "(@.*)?");
    }
}
