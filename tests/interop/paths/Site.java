// Tomcat: what it makes of a target, and the servlet it maps it to. One line for each reading.
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

public class Site {
    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[1]);
        Connector connector = new Connector();
        connector.setPort(Integer.parseInt(arguments[0]));
        connector.setProperty("address", "127.0.0.1");
        connector.setProperty("maxKeepAliveRequests", "-1");
        connector.setEncodedSolidusHandling(arguments[2]);
        connector.setAllowBackslash(true);
        tomcat.setConnector(connector);
        Context context = tomcat.addContext("", arguments[1]);
        for (String pattern : new String[] {"/", "/admin/*", "/api/private/*", "/account/*", "/assets/private/*"}) {
            Tomcat.addServlet(context, pattern, new Told());
            context.addServletMappingDecoded(pattern, pattern);
        }
        tomcat.start();
        System.out.println("listening");
        tomcat.getServer().await();
    }

    static class Told extends HttpServlet {
        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            String pathInfo = request.getPathInfo() == null ? "" : request.getPathInfo();
            String query = request.getQueryString() == null ? "" : "?" + request.getQueryString();
            String told = request.getMethod() + " " + request.getRequestURI() + query
                + "\nservlet\t" + request.getServletPath() + pathInfo
                + "\ngetRequestURI\t" + request.getRequestURI();
            byte[] body = told.getBytes(StandardCharsets.UTF_8);
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
        }
    }
}
