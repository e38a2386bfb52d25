// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;

/**
 * The JDK's own HTTP server: {@code /bytes?N} gives N bytes and says their SHA-256 in a header, {@code /digest} the
 * SHA-256 of what was posted.
 */
class WebService {
    private static final int THREADS = 8;
    private static final int BACKLOG = 256;

    static void start(int port) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(port), BACKLOG);
        server.setExecutor(Executors.newFixedThreadPool(THREADS));
        server.createContext("/bytes", exchange -> {
            var bytes = new byte[Integer.parseInt(exchange.getRequestURI().getQuery())];
            new SplittableRandom(bytes.length).nextBytes(bytes);
            MessageDigest digest = sha256();
            digest.update(bytes);
            exchange.getResponseHeaders().set("Digest", HexFormat.of().formatHex(digest.digest()));
            answer(exchange, bytes);
        });
        server.createContext("/digest", exchange -> {
            MessageDigest digest = sha256();
            var buffer = new byte[65536];
            for (int count; (count = exchange.getRequestBody().read(buffer)) > 0; ) {
                digest.update(buffer, 0, count);
            }
            answer(exchange, HexFormat.of().formatHex(digest.digest()).getBytes());
        });
        server.start();
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static void answer(HttpExchange exchange, byte[] body) throws IOException {
        // A length of -1 is the JDK's way to say that no body follows.
        exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
