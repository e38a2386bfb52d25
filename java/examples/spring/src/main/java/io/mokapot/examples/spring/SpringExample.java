// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples.spring;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ResponseStatusException;

/** A REST service that keeps notes in memory: {@code PUT /notes/NAME}, {@code GET /notes}. */
@SpringBootApplication
@RestController
public class SpringExample {
    private final ConcurrentMap<String, String> notes = new ConcurrentHashMap<>();

    /** Made by Spring. */
    public SpringExample() {}

    /**
     * Serves on port 8080 until it is stopped.
     *
     * @param arguments Spring's own, as in {@code --server.port=9090}
     */
    public static void main(String[] arguments) {
        SpringApplication.run(SpringExample.class, arguments);
    }

    @GetMapping("/notes")
    List<String> names() {
        return notes.keySet().stream().sorted().toList();
    }

    @GetMapping("/notes/{name}")
    Map<String, String> note(@PathVariable("name") String name) {
        String text = notes.get(name);
        if (text == null) {
            throw new ResponseStatusException(HttpStatus.NOT_FOUND);
        }
        return Map.of("name", name, "text", text);
    }

    @PutMapping("/notes/{name}")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    void keep(@PathVariable("name") String name, @RequestBody String text) {
        notes.put(name, text);
    }
}
