<%-- SPDX-License-Identifier: Apache-2.0 --%>
<%-- Compiled when it is asked for the first time. --%>
<%@ page contentType="text/plain;charset=UTF-8" session="false" trimDirectiveWhitespaces="true" %>
<%! private static String twice(String text) { return text + text; } %>
Hello ${param.name}, <%= twice("twice ") %>
<% for (int line = 0; line < 50; line++) { %>
line <%= line %> of <%= request.getMethod() %>
<% } %>
<%@ include file="part.txt" %>
