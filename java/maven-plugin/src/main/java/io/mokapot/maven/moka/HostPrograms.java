// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Programs of the host that moka calls, for a moka that does not tell of them by itself. */
public final class HostPrograms {
    /** Program to Debian's package of it. */
    private static final Map<String, String> NEEDED = new LinkedHashMap<>();

    static {
        NEEDED.put("qemu-system-x86_64", "qemu-system-x86");
        NEEDED.put("mkfs.erofs", "erofs-utils");
    }

    private HostPrograms() {}

    /**
     * Looks for them.
     *
     * @param path a list of folders as in PATH; null for an empty one
     * @return a line for each that is missing, which says what to install
     */
    public static List<String> missing(String path) {
        List<String> lines = new ArrayList<>();
        NEEDED.forEach((program, packageName) -> {
            if (!isOn(path, program)) {
                lines.add(program + " is not installed: install it (Debian: " + packageName + ")");
            }
        });
        return lines;
    }

    private static boolean isOn(String path, String program) {
        for (String folder : (path != null ? path : "").split(File.pathSeparator)) {
            if (!folder.isEmpty() && Files.isExecutable(Path.of(folder, program))) {
                return true;
            }
        }
        return false;
    }
}
