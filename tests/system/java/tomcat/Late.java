// SPDX-License-Identifier: Apache-2.0

import jakarta.servlet.AsyncContext;
import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** Answers from another thread, after a while. */
@WebServlet(urlPatterns = "/async", asyncSupported = true)
public class Late extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) {
        AsyncContext later = request.startAsync();
        int millis = Integer.parseInt(request.getParameter("ms"));
        new Thread(() -> {
            try {
                Thread.sleep(millis);
                later.getResponse().setContentType("text/plain");
                later.getResponse().getWriter().println("after a while");
            } catch (IOException | InterruptedException failure) {
                failure.printStackTrace();
            }
            later.complete();
        }).start();
    }
}
