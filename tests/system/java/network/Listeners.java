// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.HashMap;
import java.util.Map;

/**
 * Listens as standard input tells it, so that a test can see what of it appears on the host.
 *
 * <p>{@code tcp NAME ADDRESS PORT} and {@code udp NAME ADDRESS PORT} open an echo service, {@code close NAME}
 * closes it. Each is answered by {@code ok NAME} with the port, or {@code failed NAME} with the reason. A TCP
 * connection gets back what it sent once its sender has said that no more comes.
 */
class Listeners {
    private static final Map<String, AutoCloseable> OPEN = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            try {
                System.out.println("ok " + words[1] + " " + obey(words));
            } catch (IOException failure) {
                System.out.println("failed " + words[1] + " " + failure.getMessage());
            }
        }
        for (AutoCloseable service : OPEN.values()) {
            service.close();
        }
    }

    private static int obey(String[] words) throws Exception {
        if (words[0].equals("close")) {
            OPEN.remove(words[1]).close();
            return 0;
        }
        var place = words[2].equals("*")
            ? new InetSocketAddress(Integer.parseInt(words[3]))
            : new InetSocketAddress(InetAddress.getByName(words[2]), Integer.parseInt(words[3]));
        if (words[0].equals("udp")) {
            var socket = new DatagramSocket(place);
            OPEN.put(words[1], socket);
            start(() -> echoDatagrams(socket));
            return socket.getLocalPort();
        }
        var server = new ServerSocket();
        server.setReuseAddress(true);
        server.bind(place);
        OPEN.put(words[1], server);
        start(() -> {
            while (true) {
                Socket connection = server.accept();
                start(() -> echo(connection));
            }
        });
        return server.getLocalPort();
    }

    private static void echo(Socket connection) throws IOException {
        try (connection) {
            byte[] all = connection.getInputStream().readAllBytes();
            connection.getOutputStream().write(all);
        }
    }

    private static void echoDatagrams(DatagramSocket socket) throws IOException {
        var packet = new DatagramPacket(new byte[2048], 2048);
        while (true) {
            packet.setLength(2048);
            socket.receive(packet);
            socket.send(packet);
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void start(Work work) {
        var thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException closed) {
                // The service was closed, or its client went away: both are the test's doing.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }
}
