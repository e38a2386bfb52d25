// SPDX-License-Identifier: Apache-2.0
package app;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;

/** Answers with one word. */
@Path("/")
public class Answer {
    @GET
    public String answer() {
        return "served";
    }
}
