// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.util.Optional;

/** One of the JSON objects that moka says with {@code --output json}. */
public final class Event {
    private static final String BEGINNING = "{\"event\":\"";

    private final JsonObject members;

    private Event(JsonObject members) {
        this.members = members;
    }

    /**
     * A line of standard error, taken apart. An event stands at the end of a line: the application may
     * have left its own line unfinished.
     *
     * @param text what the application wrote; null where the line is the event's alone
     * @param event null where there is none
     */
    public record Line(String text, Event event) {}

    /**
     * Takes a line apart.
     *
     * @param line without its end
     * @return its parts
     */
    public static Line parse(String line) {
        int at = line.lastIndexOf(BEGINNING);
        if (at >= 0) {
            Optional<JsonObject> members = object(line.substring(at));
            if (members.isPresent()) {
                return new Line(at == 0 ? null : line.substring(0, at), new Event(members.get()));
            }
        }
        return new Line(line, null);
    }

    /**
     * Reads a JSON object.
     *
     * @param text JSON
     * @return the object; empty where it is none
     */
    static Optional<JsonObject> object(String text) {
        try {
            JsonElement element = JsonParser.parseString(text);
            return element.isJsonObject() ? Optional.of(element.getAsJsonObject()) : Optional.empty();
        } catch (JsonParseException noJson) {
            return Optional.empty();
        }
    }

    /**
     * Which event it is.
     *
     * @return published, withdrawn, refused, error, warning, note, end, or one of a newer moka
     */
    public String kind() {
        return text("event");
    }

    /**
     * A member of it.
     *
     * @param name the member's
     * @return its value as text; "" where it is missing
     */
    public String text(String name) {
        JsonElement value = members.get(name);
        return value != null && value.isJsonPrimitive() ? value.getAsString() : "";
    }

    JsonObject members() {
        return members;
    }
}
