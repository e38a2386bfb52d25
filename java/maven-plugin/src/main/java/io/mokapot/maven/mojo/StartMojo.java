// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.application.Application;
import io.mokapot.maven.moka.Moka;
import io.mokapot.maven.moka.StartedVm;
import io.mokapot.maven.moka.VmOptions;
import io.mokapot.maven.support.Advice;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.maven.plugins.annotations.LifecyclePhase;
import org.apache.maven.plugins.annotations.Mojo;
import org.apache.maven.plugins.annotations.Parameter;
import org.apache.maven.plugins.annotations.ResolutionScope;

/**
 * Starts the application in a VM for integration tests and waits until it can be reached; says in
 * properties where. The VM ends with the goal {@code stop}, at the latest with the build.
 */
@Mojo(name = "start", defaultPhase = LifecyclePhase.PRE_INTEGRATION_TEST,
        requiresDependencyResolution = ResolutionScope.RUNTIME, threadSafe = true)
public final class StartMojo extends VmMojo {
    /** Where a project starts several applications: what its properties and log are called. */
    @Parameter(property = "mokapot.id")
    private String id;

    /** How long the application may take until it listens, in seconds. */
    @Parameter(property = "mokapot.startTimeout", defaultValue = "300")
    private long startTimeout;

    /** The scheme of mokapot.url. */
    @Parameter(property = "mokapot.scheme", defaultValue = "http")
    private String scheme;

    @Override
    protected void executeWith(Application application) throws Advice {
        String prefix = id == null || id.isEmpty() ? "mokapot" : "mokapot." + id;
        StartedVms vms = StartedVms.of(session(), plugin(), project());
        if (vms.has(prefix)) {
            throw new Advice("an application is started already; give each execution an <id> of its own "
                    + "in its configuration");
        }
        Moka moka = moka();
        VmOptions options = vmOptions();
        Path log = buildFolder().resolve("mokapot").resolve(prefix + ".log");
        StartedVm vm = new StartedVm(moka, moka.run(application, options,
                List.of("--output", "json")), log, getLog()::warn);
        vms.add(prefix, vm);
        Map<String, StartedVm.Port> ports = vm.awaitReady(options.guestPorts(), startTimeout);
        String first = options.guestPorts().stream().findFirst()
                .orElseGet(() -> ports.keySet().iterator().next());
        Properties properties = project().getProperties();
        properties.setProperty(prefix + ".url", scheme + "://" + ports.get(first).authority());
        properties.setProperty(prefix + ".host", ports.get(first).address());
        properties.setProperty(prefix + ".port", ports.get(first).number());
        ports.forEach((guest, host) ->
                properties.setProperty(prefix + ".port." + guest, host.number()));
        getLog().info(prefix + ".url=" + properties.getProperty(prefix + ".url")
                + ", output in " + log);
    }
}
