// SPDX-License-Identifier: Apache-2.0

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** The JDK's HttpClient, asking a server that has {@code /bytes/N}, {@code /echo} and {@code /pieces/N}. */
final class WebClient {
    private static final Duration PATIENCE = Duration.ofMinutes(4);
    private final HttpClient client;
    private final String base;
    private final Report report;

    WebClient(HttpClient.Version version, String scheme, String address, int port, Report report) throws Exception {
        client = HttpClient.newBuilder().version(version).sslContext(Certificates.client())
            .connectTimeout(PATIENCE).build();
        base = scheme + "://" + address + ":" + port;
        this.report = report;
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(base + path)).timeout(PATIENCE);
    }

    private static String summary(HttpResponse<byte[]> answer) {
        return answer.version() + " " + answer.statusCode() + " " + Report.digest(answer.body());
    }

    private CompletableFuture<String> start(String path) {
        return client.sendAsync(request(path).build(), BodyHandlers.ofByteArray()).thenApply(WebClient::summary);
    }

    void askAll(String title) {
        for (int size : new int[] {0, 1, 1460, 65536, 1_000_003}) {
            report.attempt(title + ", " + size + " bytes", () -> start("/bytes/" + size).get());
        }
        report.attempt(title + ", in pieces", () -> start("/pieces/50").get());
        report.attempt(title + ", not there", this::notThere);
        byte[] upload = Report.pattern(4 << 20);
        report.attempt(title + ", 4 MB up and back", () -> summary(client.send(
            request("/echo").POST(BodyPublishers.ofByteArray(upload)).build(), BodyHandlers.ofByteArray())));
        report.attempt(title + ", of unknown length", () -> summary(client.send(
            request("/echo").POST(BodyPublishers.ofInputStream(
                () -> new java.io.ByteArrayInputStream(Report.pattern(300_000)))).build(),
            BodyHandlers.ofByteArray())));
        report.attempt(title + ", 30 at once", this::together);
        report.attempt(title + ", headers", this::headers);
    }

    /** The page names the server, which is called otherwise from elsewhere. */
    private Object notThere() throws Exception {
        var answer = client.send(request("/no/such/page").build(), BodyHandlers.ofString(StandardCharsets.ISO_8859_1));
        String page = answer.body().replace(base, "SERVER");
        return answer.version() + " " + answer.statusCode() + " " + Report.digest(page.getBytes(StandardCharsets.ISO_8859_1));
    }

    private Object together() throws Exception {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int number = 0; number < 30; number++) {
            answers.add(start("/bytes/" + (1000 + 997 * number)));
        }
        var said = new StringBuilder();
        for (CompletableFuture<String> answer : answers) {
            said.append(answer.get()).append('\n');
        }
        return Report.digest(said.toString().getBytes());
    }

    private Object headers() throws Exception {
        var answer = client.send(request("/bytes/10").header("X-Long", "y".repeat(3000)).build(),
                                 BodyHandlers.ofByteArray());
        var kept = new TreeMap<>(answer.headers().map());
        kept.remove("date");
        return kept;
    }

    /** Text and binary messages to and fro, in fragments too. */
    static Object webSocket(String address, int port) throws Exception {
        var listener = new Collector();
        var socket = HttpClient.newHttpClient().newWebSocketBuilder()
            .buildAsync(URI.create("ws://" + address + ":" + port + "/socket"), listener).get();
        socket.sendText("hello", true).get();
        listener.next();
        socket.sendText("in two ", false).get();
        socket.sendText("fragments", true).get();
        listener.next();
        socket.sendText("x".repeat(100_000), true).get();
        listener.next();
        socket.sendPing(java.nio.ByteBuffer.wrap(new byte[] {1, 2, 3})).get();
        listener.next();
        socket.sendClose(1000, "enough").get();
        listener.next();
        return listener.said;
    }

    private static final class Collector implements java.net.http.WebSocket.Listener {
        private final List<String> said = new ArrayList<>();
        private final java.util.concurrent.Semaphore messages = new java.util.concurrent.Semaphore(0);
        private final StringBuilder text = new StringBuilder();

        void next() throws InterruptedException {
            messages.acquire();
        }

        @Override
        public CompletionStage<?> onText(java.net.http.WebSocket socket, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                said.add(text.length() < 100 ? text.toString() : Report.digest(text.toString().getBytes()));
                text.setLength(0);
                messages.release();
            }
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onPong(java.net.http.WebSocket socket, java.nio.ByteBuffer data) {
            said.add("pong of " + data.remaining());
            messages.release();
            socket.request(1);
            return null;
        }

        @Override
        public CompletionStage<?> onClose(java.net.http.WebSocket socket, int code, String reason) {
            said.add("closed " + code);
            messages.release();
            return null;
        }

        @Override
        public void onError(java.net.http.WebSocket socket, Throwable failure) {
            said.add(Report.describe(failure));
            messages.release(100);
        }
    }

    /** A response body read at its reader's pace: the server has to wait for the window. */
    Object slowly(int size) throws Exception {
        var answer = client.send(request("/bytes/" + size).build(), BodyHandlers.ofPublisher());
        var all = new java.io.ByteArrayOutputStream();
        var ended = new CompletableFuture<Void>();
        answer.body().subscribe(new Flow.Subscriber<List<java.nio.ByteBuffer>>() {
            private Flow.Subscription subscription;

            @Override
            public void onSubscribe(Flow.Subscription given) {
                subscription = given;
                given.request(1);
            }

            @Override
            public void onNext(List<java.nio.ByteBuffer> buffers) {
                for (java.nio.ByteBuffer buffer : buffers) {
                    byte[] bytes = new byte[buffer.remaining()];
                    buffer.get(bytes);
                    all.writeBytes(bytes);
                }
                CompletableFuture.delayedExecutor(1, java.util.concurrent.TimeUnit.MILLISECONDS)
                    .execute(() -> subscription.request(1));
            }

            @Override
            public void onError(Throwable failure) {
                ended.completeExceptionally(failure);
            }

            @Override
            public void onComplete() {
                ended.complete(null);
            }
        });
        ended.get();
        return Report.digest(all.toByteArray());
    }
}
