// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What the user said of the VM; null and empty mean: as moka thinks best.
 *
 * @param memory as after {@code -m}
 * @param cpus as after {@code -c}
 * @param jdk a JDK's folder
 * @param jvmOptions one each
 * @param environment variables of the application
 * @param environmentFile with more of them
 * @param folder copied into the VM
 * @param mounts {@code HOST:GUEST[:ro]}
 * @param ports {@code [[ADDR:]HOST:]GUEST[/udp]}
 * @param more options of moka, as they are
 * @param arguments of the application
 */
public record VmOptions(String memory, String cpus, String jdk, List<String> jvmOptions,
        Map<String, String> environment, String environmentFile, String folder, List<String> mounts,
        List<String> ports, List<String> more, List<String> arguments) {

    /** Options that {@code moka run} and {@code moka build} share. */
    List<String> common() {
        List<String> words = new ArrayList<>();
        add(words, "-m", memory);
        add(words, "--jdk", jdk);
        jvmOptions.forEach(option -> add(words, "-J", option));
        // By name only: a command line is for everybody to read, and values may be secrets.
        environment.keySet().forEach(name -> add(words, "-e", name));
        add(words, "--env-file", environmentFile);
        ports.forEach(port -> add(words, "-p", port));
        return words;
    }

    /** Options of {@code moka run} alone. */
    List<String> ofRun() {
        List<String> words = new ArrayList<>();
        add(words, "-c", cpus);
        mounts.forEach(mount -> add(words, "--mount", mount));
        return words;
    }

    static void add(List<String> words, String option, String value) {
        if (value != null && !value.isEmpty()) {
            words.add(option);
            words.add(value);
        }
    }

    /**
     * The application's TCP ports among {@link #ports}, in their order.
     *
     * @return port numbers as text; what is no port is moka's to refuse
     */
    public Set<String> guestPorts() {
        Set<String> guests = new LinkedHashSet<>();
        for (String port : ports) {
            if (!port.endsWith("/udp")) {
                guests.add(port.substring(port.lastIndexOf(':') + 1).replace("/tcp", ""));
            }
        }
        return guests;
    }
}
