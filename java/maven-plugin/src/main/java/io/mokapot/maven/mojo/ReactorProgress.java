// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.support.Advice;
import java.util.Map;
import org.apache.maven.execution.MavenSession;
import org.apache.maven.plugin.MojoExecution;
import org.apache.maven.plugin.descriptor.PluginDescriptor;

/**
 * Notices when a goal that was called on the command line passed over all projects of a build: each
 * may be right to be passed over, and all of them together are a mistake. Projects may be built on
 * several threads.
 */
final class ReactorProgress {
    private final int projects;
    // Under this object's monitor.
    private int done;
    private boolean hasApplication;

    private ReactorProgress(int projects) {
        this.projects = projects;
    }

    /** The one of this goal in this build. */
    static ReactorProgress of(MavenSession session, PluginDescriptor plugin,
            MojoExecution execution) {
        // A goal that POMs bind runs in the projects that bind it, however many these are.
        boolean isCounted = execution.getSource() == MojoExecution.Source.CLI;
        Map<String, Object> context = session.getPluginContext(plugin, session.getTopLevelProject());
        synchronized (ReactorProgress.class) {
            return (ReactorProgress) context.computeIfAbsent(
                    "progress " + execution.getGoal() + isCounted, name -> new ReactorProgress(
                            isCounted ? session.getProjects().size() : Integer.MAX_VALUE));
        }
    }

    synchronized void applicationFound() {
        hasApplication = true;
    }

    synchronized void projectDone() throws Advice {
        if (++done == projects && !hasApplication) {
            throw new Advice("none of the projects has a main class; name one: -pl MODULE "
                    + "-Dmokapot.mainClass=CLASS");
        }
    }
}
