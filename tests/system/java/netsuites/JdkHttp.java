// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.http.HttpClient.Version;
import java.util.concurrent.Executors;

/** The JDK's HttpServer, and with TLS at the next port, asked by the JDK's HttpClient. */
final class JdkHttp implements Library {
    @Override
    public void serve(int port) throws Exception {
        start(HttpServer.create(new InetSocketAddress(port), 0));
        HttpsServer secure = HttpsServer.create(new InetSocketAddress(port + 1), 0);
        secure.setHttpsConfigurator(new HttpsConfigurator(Certificates.server()));
        start(secure);
    }

    private static void start(HttpServer server) {
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/bytes/", exchange -> answer(exchange, Report.pattern(lastNumber(exchange))));
        server.createContext("/echo", exchange -> answer(exchange, exchange.getRequestBody().readAllBytes()));
        server.createContext("/pieces/", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            for (int number = lastNumber(exchange); number > 0; number--) {
                exchange.getResponseBody().write(Report.pattern(number * 100));
                exchange.getResponseBody().flush();
            }
            exchange.close();
        });
        server.start();
    }

    private static int lastNumber(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath();
        return Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
    }

    private static void answer(HttpExchange exchange, byte[] body) throws IOException {
        // A length of -1 is the JDK's way to say that no body follows.
        exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    @Override
    public void ask(String address, int port, Report report) throws Exception {
        new WebClient(Version.HTTP_1_1, "http", address, port, report).askAll("HTTP/1.1");
        new WebClient(Version.HTTP_2, "http", address, port, report).askAll("an upgrade refused");
        new WebClient(Version.HTTP_1_1, "https", address, port + 1, report).askAll("HTTP/1.1 over TLS");
    }
}
