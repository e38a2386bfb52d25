// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.application.Application;
import io.mokapot.maven.moka.ExitReport;
import io.mokapot.maven.moka.Findings;
import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.support.Advice;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.maven.plugins.annotations.Execute;
import org.apache.maven.plugins.annotations.LifecyclePhase;
import org.apache.maven.plugins.annotations.Mojo;
import org.apache.maven.plugins.annotations.ResolutionScope;

/** Packages the project and runs its application in a VM, until it ends. */
@Mojo(name = "run", requiresDependencyResolution = ResolutionScope.RUNTIME, threadSafe = true)
@Execute(phase = LifecyclePhase.PACKAGE)
public final class RunMojo extends VmMojo {
    @Override
    protected void executeWith(Application application) throws Advice {
        Moka moka = moka();
        Path statusFile = buildFolder().resolve("mokapot/status.json");
        try {
            Files.createDirectories(statusFile.getParent());
            Files.deleteIfExists(statusFile);
        } catch (IOException problem) {
            throw new Advice("cannot write " + statusFile + " (" + problem.getMessage() + ")", problem);
        }
        Findings.warning(moka, moka.check(application, vmOptions(), List.of())).ifPresent(getLog()::warn);
        ProcessBuilder builder = moka.run(application, vmOptions(),
                List.of("--status-file", statusFile.toString())).inheritIO();
        if (session().isParallel()) {
            // Several would share the terminal, and each get some of what is typed.
            builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
        }
        int status = waitFor(moka.start(builder));
        if (status != 0) {
            throw new Advice(ExitReport.read(statusFile, status).sentence());
        }
    }
}
