// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.application.Application;
import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.support.Advice;
import java.util.List;
import org.apache.maven.plugins.annotations.Execute;
import org.apache.maven.plugins.annotations.LifecyclePhase;
import org.apache.maven.plugins.annotations.Mojo;
import org.apache.maven.plugins.annotations.ResolutionScope;

/** Packages the project and says what in its application will not work in a VM; fails where something breaks. */
@Mojo(name = "check", requiresDependencyResolution = ResolutionScope.RUNTIME, threadSafe = true)
@Execute(phase = LifecyclePhase.PACKAGE)
public final class CheckMojo extends VmMojo {
    @Override
    protected void executeWith(Application application) throws Advice {
        Moka moka = moka();
        int status = waitFor(moka.start(moka.check(application, vmOptions(), List.of()).inheritIO()));
        if (status == 1) {
            throw new Advice("the application will not work in a VM; moka check says above why");
        }
        if (status != 0) {
            throw new Advice("moka check ended with status " + status + "; it says above why");
        }
    }
}
