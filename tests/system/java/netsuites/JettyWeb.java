// SPDX-License-Identifier: Apache-2.0

import java.net.http.HttpClient.Version;
import java.nio.ByteBuffer;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/**
 * Jetty with HTTP/1.1 and HTTP/2 in the clear, and both over TLS at the next port, asked by the JDK's HttpClient.
 */
final class JettyWeb implements Library {
    @Override
    public void serve(int port) throws Exception {
        var server = new Server();
        var plain = new HttpConfiguration();
        plain.setSendServerVersion(false);
        var connector = new ServerConnector(server, new HttpConnectionFactory(plain),
                                            new HTTP2CServerConnectionFactory(plain));
        connector.setPort(port);
        server.addConnector(connector);

        var secure = new HttpConfiguration(plain);
        secure.addCustomizer(new SecureRequestCustomizer(false));
        var tls = new SslContextFactory.Server();
        tls.setSslContext(Certificates.server());
        var negotiation = new ALPNServerConnectionFactory();
        negotiation.setDefaultProtocol("http/1.1");
        var encrypted = new ServerConnector(server, new SslConnectionFactory(tls, "alpn"), negotiation,
                                            new HTTP2ServerConnectionFactory(secure), new HttpConnectionFactory(secure));
        encrypted.setPort(port + 1);
        server.addConnector(encrypted);
        server.setHandler(new Answers());
        server.start();
    }

    private static final class Answers extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            String path = Request.getPathInContext(request);
            int number = path.matches(".*/\\d+") ? Integer.parseInt(path.substring(path.lastIndexOf('/') + 1)) : 0;
            if (path.startsWith("/bytes/")) {
                byte[] body = Report.pattern(number);
                response.getHeaders().put("Content-Length", body.length);
                response.write(true, ByteBuffer.wrap(body), callback);
            } else if (path.equals("/echo")) {
                Content.copy(request, response, callback);
            } else if (path.startsWith("/pieces/")) {
                try (var body = Content.Sink.asOutputStream(response)) {
                    for (int left = number; left > 0; left--) {
                        body.write(Report.pattern(left * 100));
                        body.flush();
                    }
                }
                callback.succeeded();
            } else {
                Response.writeError(request, response, callback, 404);
            }
            return true;
        }
    }

    @Override
    public void ask(String address, int port, Report report) throws Exception {
        var clear = new WebClient(Version.HTTP_2, "http", address, port, report);
        new WebClient(Version.HTTP_1_1, "http", address, port, report).askAll("HTTP/1.1");
        clear.askAll("HTTP/2");
        report.attempt("HTTP/2, read slowly", () -> clear.slowly(3_000_000));
        new WebClient(Version.HTTP_2, "https", address, port + 1, report).askAll("HTTP/2 over TLS");
    }
}
