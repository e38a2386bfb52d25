// SPDX-License-Identifier: Apache-2.0

/** A network library as server and client. What a client finds must not depend on where it and the server run. */
interface Library {
    /** Serves at {@code port} and the few after it, at every address; returns once it does. */
    void serve(int port) throws Exception;

    /** Asks a server that {@link #serve} started, here or on another machine. */
    void ask(String address, int port, Report report) throws Exception;

    /** What needs both ends in one machine. */
    default void alone(Report report) throws Exception {
    }
}
