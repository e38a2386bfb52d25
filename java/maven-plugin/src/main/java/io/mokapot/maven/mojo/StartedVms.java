// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.mojo;

import io.mokapot.maven.moka.StartedVm;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.maven.execution.ExecutionListener;
import org.apache.maven.execution.MavenSession;
import org.apache.maven.plugin.descriptor.PluginDescriptor;
import org.apache.maven.project.MavenProject;

/**
 * The VMs that run beside the build of a project. What is left at the build's end, since a step
 * between start and stop failed, is ended then. That end is an event of Maven's: a JVM in which
 * Maven runs may well live on.
 */
final class StartedVms {
    private static final String KEY = "started";
    private static final long SECONDS_AT_END = 20;

    // Under this object's monitor.
    private final Map<String, StartedVm> vms = new LinkedHashMap<>();

    private StartedVms() {}

    static StartedVms of(MavenSession session, PluginDescriptor plugin, MavenProject project) {
        Map<String, Object> context = session.getPluginContext(plugin, project);
        synchronized (StartedVms.class) {
            StartedVms vms = (StartedVms) context.get(KEY);
            if (vms == null) {
                vms = new StartedVms();
                context.put(KEY, vms);
                vms.endWith(session);
            }
            return vms;
        }
    }

    private void endWith(MavenSession session) {
        ExecutionListener next = session.getRequest().getExecutionListener();
        session.getRequest().setExecutionListener((ExecutionListener) Proxy.newProxyInstance(
                ExecutionListener.class.getClassLoader(), new Class<?>[] {ExecutionListener.class},
                (proxy, method, arguments) -> {
                    if (method.getName().equals("sessionEnded")) {
                        takeAll().values().forEach(vm -> vm.stop(SECONDS_AT_END));
                    }
                    if (method.getDeclaringClass() == Object.class) {
                        return method.invoke(this, arguments);
                    }
                    try {
                        return next != null ? method.invoke(next, arguments) : null;
                    } catch (InvocationTargetException thrown) {
                        throw thrown.getCause();
                    }
                }));
    }

    synchronized boolean has(String name) {
        return vms.containsKey(name);
    }

    synchronized void add(String name, StartedVm vm) {
        vms.put(name, vm);
    }

    /** All of them; afterwards there are none. */
    synchronized Map<String, StartedVm> takeAll() {
        Map<String, StartedVm> all = new LinkedHashMap<>(vms);
        vms.clear();
        return all;
    }
}
