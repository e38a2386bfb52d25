// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.moka.ExitReport;
import io.mokapot.maven.moka.StartedVm;
import io.mokapot.maven.support.Advice;
import java.util.Map;
import org.apache.maven.plugins.annotations.LifecyclePhase;
import org.apache.maven.plugins.annotations.Mojo;
import org.apache.maven.plugins.annotations.Parameter;
import org.apache.maven.project.MavenProject;

/** Ends what the goal {@code start} started in this project. */
@Mojo(name = "stop", defaultPhase = LifecyclePhase.POST_INTEGRATION_TEST, threadSafe = true)
public final class StopMojo extends MokapotMojo {
    /** How long the application has for ending by itself, in seconds; then it is killed. */
    @Parameter(property = "mokapot.stopTimeout", defaultValue = "30")
    private long stopTimeout;

    @Parameter(defaultValue = "${project}", readonly = true, required = true)
    private MavenProject project;

    @Override
    protected void executeWithAdvice() throws Advice {
        Map<String, StartedVm> started = StartedVms.of(session(), plugin(), project).takeAll();
        if (started.isEmpty()) {
            getLog().info("nothing was started in " + project.getArtifactId());
        }
        String problem = null;
        for (Map.Entry<String, StartedVm> entry : started.entrySet()) {
            StartedVm vm = entry.getValue();
            if (vm.hasEnded()) {
                ExitReport report = vm.report();
                String message = entry.getKey() + " was gone before it was stopped: " + report.sentence();
                if (report.isByApplication() && report.status() == 0) {
                    getLog().warn(message);
                } else {
                    problem = message;
                }
            } else if (!vm.stop(stopTimeout)) {
                getLog().warn(entry.getKey() + " did not end within " + stopTimeout + " s and was killed; "
                        + "-Dmokapot.stopTimeout=SECONDS gives it longer");
            }
        }
        if (problem != null) {
            throw new Advice(problem);
        }
    }
}
