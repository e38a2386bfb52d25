// SPDX-License-Identifier: Apache-2.0
package app;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Answers with one word. */
@SpringBootApplication
@RestController
public class Spring {
    public static void main(String[] arguments) {
        SpringApplication.run(Spring.class, arguments);
    }

    @GetMapping("/")
    String answer() {
        return "served";
    }
}
