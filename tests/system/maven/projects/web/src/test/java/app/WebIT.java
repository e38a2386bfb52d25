// SPDX-License-Identifier: Apache-2.0
package app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import org.junit.jupiter.api.Test;

/** Asks the server in the VM. */
class WebIT {
    @Test
    void answers() throws IOException {
        String url = System.getProperty("mokapot.url");
        assertTrue(url.endsWith(":" + System.getProperty("mokapot.port.8080")), url);
        try (InputStream answer = new URL(url + "/any").openStream()) {
            assertEquals(System.getProperty("expected", "served"), new String(answer.readAllBytes()));
        }
    }
}
