import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Calls as Java programs do by default: the first call on a connection asks for HTTP/2. */
public class Caller {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (String body : new String[] {"first", "second", "x".repeat(200_000)}) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(args[0] + "/file"))
                .POST(HttpRequest.BodyPublishers.ofString(body)).build();
            String told = client.send(request, HttpResponse.BodyHandlers.ofString()).body();
            System.out.println(told.contains("\"body\": \"" + body + "\"") ? "heard" : told);
        }
        HttpRequest stream = HttpRequest.newBuilder(URI.create(args[0] + "/stream")).GET().build();
        System.out.println(client.send(stream, HttpResponse.BodyHandlers.ofString()).body());
    }
}
