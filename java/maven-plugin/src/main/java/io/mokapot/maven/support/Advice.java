// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.support;

/** Something is missing or wrong, and the message says in one line what to do about it. */
public final class Advice extends Exception {
    private static final long serialVersionUID = 1;

    /** @param message what is wrong and what to do, for the one who reads the build's output */
    public Advice(String message) {
        super(message);
    }

    /**
     * @param message as above
     * @param cause what happened, for {@code mvn -e}
     */
    public Advice(String message, Throwable cause) {
        super(message, cause);
    }
}
