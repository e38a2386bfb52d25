// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Who ended the VM, and how: moka's {@code end} event and its status file.
 *
 * @param status as a shell sees it
 * @param by application, jvm, kernel or moka
 * @param reason "" where moka has nothing to say of it
 */
public record ExitReport(int status, String by, String reason) {
    static ExitReport of(JsonObject members, int status) {
        return new ExitReport(status, text(members, "by"), text(members, "reason"));
    }

    /**
     * Reads what moka wrote with {@code --status-file}.
     *
     * @param file the file, which is missing where moka refused its own command line
     * @param status of moka's process
     * @return the report
     */
    public static ExitReport read(Path file, int status) {
        Optional<JsonObject> members;
        try {
            members = Event.object(Files.readString(file));
        } catch (IOException missing) {
            members = Optional.empty();
        }
        return members.map(object -> of(object, status)).orElse(new ExitReport(status, "moka", ""));
    }

    private static String text(JsonObject members, String name) {
        JsonElement value = members.get(name);
        return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
    }

    /**
     * Whether the application itself decided on its end.
     *
     * @return false where JVM, kernel or moka did
     */
    public boolean isByApplication() {
        return by.equals("application");
    }

    /**
     * A sentence for the build's last line.
     *
     * @return what happened, and what to do where that is known
     */
    public String sentence() {
        String because = reason.isEmpty() ? "" : ": " + reason;
        return switch (by) {
            case "application" -> "the application ended with status " + status + because;
            case "jvm" -> "the JVM crashed with status " + status + because
                    + "; its report stands in the output above";
            case "kernel" -> "the VM's kernel ended with status " + status + because;
            default -> status == 2 ? "moka refused to start the application"
                            + (because.isEmpty() ? "; it says above why" : because)
                    : "moka ended with status " + status + because;
        };
    }
}
