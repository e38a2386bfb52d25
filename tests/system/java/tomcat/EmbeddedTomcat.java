// SPDX-License-Identifier: Apache-2.0

import jakarta.servlet.http.HttpServlet;
import java.io.File;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.Wrapper;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.servlets.DefaultServlet;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http2.Http2Protocol;
import org.apache.jasper.servlet.JasperInitializer;
import org.apache.jasper.servlet.JspServlet;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;
import org.apache.tomcat.websocket.server.WsSci;

/**
 * {@code EmbeddedTomcat HTTP-PORT TLS-PORT}: a Tomcat in a program, with static files from the folder
 * {@code static}, some of them pages to compile, a certificate from {@code keystore.p12}, HTTP/2, gzip, WebSocket, and
 * three servlets.
 */
class EmbeddedTomcat {
    private static final Logger QUIET = Logger.getLogger("org.apache");

    public static void main(String[] arguments) throws Exception {
        QUIET.setLevel(Level.WARNING);
        var tomcat = new Tomcat();
        tomcat.setBaseDir("work");
        tomcat.setConnector(connector(Integer.parseInt(arguments[0])));
        tomcat.getService().addConnector(withTls(connector(Integer.parseInt(arguments[1]))));

        Context context = tomcat.addContext("", new File("static").getAbsolutePath());
        Wrapper files = Tomcat.addServlet(context, "files", new DefaultServlet());
        files.addInitParameter("fileEncoding", "UTF-8");
        context.addServletMappingDecoded("/", "files");
        context.addMimeMapping("txt", "text/plain");
        add(context, "*.jsp", new JspServlet());
        add(context, "/hello", new Hello());
        add(context, "/async", new Late());
        add(context, "/digest", new Digest());
        context.addServletContainerInitializer(new JasperInitializer(), null);
        context.addServletContainerInitializer(new WsSci(), java.util.Set.of(EchoEndpoint.class));
        tomcat.start();
        System.out.println("started");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(tomcat)));
        tomcat.getServer().await();
    }

    private static void stop(Tomcat tomcat) {
        try {
            // No new connections; what was asked for is answered.
            for (Connector connector : tomcat.getService().findConnectors()) {
                connector.getProtocolHandler().closeServerSocketGraceful();
                connector.pause();
                connector.getProtocolHandler().awaitConnectionsClose(5000);
            }
            tomcat.stop();
            System.out.println("stopped");
        } catch (Exception failure) {
            failure.printStackTrace();
        }
    }

    private static Connector connector(int port) {
        var connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(port);
        connector.setProperty("compression", "on");
        connector.addUpgradeProtocol(new Http2Protocol());
        return connector;
    }

    private static Connector withTls(Connector connector) {
        connector.setSecure(true);
        connector.setScheme("https");
        connector.setProperty("SSLEnabled", "true");
        var host = new SSLHostConfig();
        host.setProtocols("TLSv1.3");
        var certificate = new SSLHostConfigCertificate(host, SSLHostConfigCertificate.Type.EC);
        certificate.setCertificateKeystoreFile(new File("keystore.p12").getAbsolutePath());
        certificate.setCertificateKeystorePassword("changeit");
        host.addCertificate(certificate);
        connector.addSslHostConfig(host);
        return connector;
    }

    private static void add(Context context, String path, HttpServlet servlet) {
        Wrapper wrapper = Tomcat.addServlet(context, servlet.getClass().getSimpleName(), servlet);
        wrapper.setAsyncSupported(true);
        context.addServletMappingDecoded(path, wrapper.getName());
    }
}
