// SPDX-License-Identifier: Apache-2.0

import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** A few lines that depend on the request alone. */
@WebServlet(urlPatterns = "/hello", asyncSupported = true)
public class Hello extends HttpServlet {
    private static final long serialVersionUID = 1;

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.setContentType("text/plain;charset=UTF-8");
        response.getWriter().println("Hello " + request.getParameter("name") + " by " + request.getProtocol());
    }
}
