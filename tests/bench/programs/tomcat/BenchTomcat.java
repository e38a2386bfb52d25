// SPDX-License-Identifier: Apache-2.0

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.servlets.DefaultServlet;
import org.apache.catalina.startup.Tomcat;

/** {@code BenchTomcat PORT}: an embedded Tomcat as its users write it, with default settings but for the port. */
class BenchTomcat {
    private static final Logger QUIET = Logger.getLogger("org.apache");

    public static void main(String[] arguments) throws Exception {
        QUIET.setLevel(Level.WARNING);
        var tomcat = new Tomcat();
        tomcat.setBaseDir("/tmp/tomcat");
        var connector = new Connector();
        connector.setPort(Integer.parseInt(arguments[0]));
        // A connection is kept for the whole of a measurement, not for a hundred requests.
        connector.setProperty("maxKeepAliveRequests", "-1");
        tomcat.setConnector(connector);
        Context context = tomcat.addContext("", new File("static").getAbsolutePath());
        add(context, "/", new DefaultServlet());
        add(context, "/hello", new Hello());
        add(context, "/take", new Take());
        add(context, "/stop", new Stop());
        tomcat.start();
        System.out.println("started");
        tomcat.getServer().await();
    }

    private static void add(Context context, String path, HttpServlet servlet) {
        Tomcat.addServlet(context, path, servlet);
        context.addServletMappingDecoded(path, path);
    }

    static class Hello extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            response.setContentType("text/plain");
            response.getWriter().println("Hello, world");
        }
    }

    /** Reads what is sent, and says how much it was. */
    static class Take extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
            var buffer = new byte[1 << 16];
            long taken = 0;
            var input = request.getInputStream();
            for (int count = input.read(buffer); count >= 0; count = input.read(buffer)) {
                taken += count;
            }
            response.setContentType("text/plain");
            response.getWriter().println(taken);
        }
    }

    /** Ends the machine at once: the answer is written first. */
    static class Stop extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            response.getWriter().println("bye");
            response.flushBuffer();
            Runtime.getRuntime().halt(0);
        }
    }
}
