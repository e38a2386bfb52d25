// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples.cache;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A cache server that memcached's clients can talk to, on port 11211. Half the heap is for values. */
public final class CacheExample {
    private static final int PORT = 11211;

    private CacheExample() {}

    /**
     * Serves until it is stopped.
     *
     * @param arguments none
     * @throws IOException where the port cannot be had
     */
    public static void main(String[] arguments) throws IOException {
        LruCache cache = new LruCache(Runtime.getRuntime().maxMemory() / 2);
        ExecutorService clients = Executors.newCachedThreadPool();
        try (ServerSocket server = new ServerSocket(PORT)) {
            System.out.println("listening on port " + PORT);
            while (true) {
                Socket client = server.accept();
                clients.execute(() -> serve(cache, client));
            }
        }
    }

    private static void serve(LruCache cache, Socket client) {
        try (client) {
            client.setTcpNoDelay(true);
            new Conversation(cache, client.getInputStream(), client.getOutputStream()).run();
        } catch (IOException gone) {
            // Clients come and go as they like.
        }
    }
}
