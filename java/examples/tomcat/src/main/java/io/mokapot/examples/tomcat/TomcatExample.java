// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples.tomcat;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.startup.Tomcat;

/** Tomcat with one servlet, on port 8080. */
public final class TomcatExample {
    private TomcatExample() {}

    /**
     * Serves until it is stopped.
     *
     * @param arguments none
     * @throws LifecycleException where Tomcat does not start
     */
    public static void main(String[] arguments) throws LifecycleException {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(System.getProperty("java.io.tmpdir"));
        tomcat.setPort(8080);
        tomcat.getConnector();  // makes it
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "greeting", new Greeting());
        context.addServletMappingDecoded("/*", "greeting");
        tomcat.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(tomcat)));
        tomcat.getServer().await();
    }

    private static void stop(Tomcat tomcat) {
        try {
            tomcat.stop();
        } catch (LifecycleException problem) {
            System.err.println("Tomcat did not stop in good order: " + problem.getMessage());
        }
    }

    private static final class Greeting extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response)
                throws IOException {
            response.setContentType("text/plain");
            response.getWriter().println("Hello from Tomcat, " + request.getRequestURI());
        }
    }
}
