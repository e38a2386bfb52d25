// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.Executors;

/**
 * The JDK's own server and client. {@code /bytes?N} gives N bytes that depend on N alone, {@code /digest} the
 * SHA-256 of what was posted, {@code /fetch?URL} what the JDK's client gets there, {@code /interfaces} the
 * names of the network interfaces, {@code /stop} ends the program.
 */
class WebServer {
    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(Integer.parseInt(arguments[0])), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/bytes", exchange -> {
            byte[] bytes = new byte[Integer.parseInt(exchange.getRequestURI().getQuery())];
            new Random(bytes.length).nextBytes(bytes);
            answer(exchange, bytes);
        });
        server.createContext("/digest", exchange -> {
            try {
                var digest = MessageDigest.getInstance("SHA-256");
                var buffer = new byte[65536];
                for (int count; (count = exchange.getRequestBody().read(buffer)) > 0; ) {
                    digest.update(buffer, 0, count);
                }
                answer(exchange, HexFormat.of().formatHex(digest.digest()).getBytes());
            } catch (java.security.NoSuchAlgorithmException impossible) {
                throw new IOException(impossible);
            }
        });
        server.createContext("/fetch", exchange -> answer(exchange, fetch(exchange.getRequestURI().getQuery())));
        server.createContext("/interfaces", exchange -> {
            var names = new TreeSet<String>();
            for (NetworkInterface one : Collections.list(NetworkInterface.getNetworkInterfaces())) {
                names.add(one.getName() + (one.isLoopback() ? " loopback" : "") + (one.isUp() ? " up" : ""));
            }
            answer(exchange, String.join("\n", names).getBytes());
        });
        server.createContext("/stop", exchange -> {
            answer(exchange, "stopping".getBytes());
            server.stop(1);
            System.exit(0);
        });
        server.start();
    }

    private static byte[] fetch(String address) throws IOException {
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create(address)).build();
            return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray()).body();
        } catch (InterruptedException interrupted) {
            throw new IOException(interrupted);
        }
    }

    private static void answer(HttpExchange exchange, byte[] body) throws IOException {
        // A length of -1 is the JDK's way to say that no body follows.
        exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
