// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.util.Collections;
import java.util.StringJoiner;

/**
 * What the fault tests talk to: {@link DataService} at PORT and the two after it, and {@link WebService} at the next.
 *
 * <p>Standard input says what else is to be done; it does not pass the network, so a fault there cannot hide what
 * became of the program. {@code report} is answered by {@code report} with what the program and the kernel hold,
 * {@code addresses} by the addresses of the interfaces, {@code resolve NAME} by what the resolver says, {@code go}
 * lets connections to the held port be read, {@code abort} resets all connections. Each answer is one line that
 * begins with the command; the end of input ends the program.
 */
class FaultServer {
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        var data = new DataService(port);
        WebService.start(port + 3);
        System.out.println("serving");
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "report" -> System.out.println("report " + Report.line(data.connections()));
                case "addresses" -> System.out.println("addresses " + addresses());
                case "resolve" -> resolve(words[1]);
                case "go" -> {
                    data.letHeldGo();
                    System.out.println("go");
                }
                case "abort" -> {
                    data.resetAll();
                    System.out.println("abort");
                }
                default -> System.out.println("unknown " + words[0]);
            }
        }
        System.exit(0);
    }

    private static String addresses() throws IOException {
        var all = new StringJoiner(" ");
        for (NetworkInterface one : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            for (InterfaceAddress address : one.getInterfaceAddresses()) {
                all.add(address.getAddress().getHostAddress());
            }
        }
        return all.toString();
    }

    /** In a thread of its own: a name server that does not answer must not stop the other commands. */
    private static void resolve(String name) {
        var thread = new Thread(() -> {
            String answer;
            try {
                answer = InetAddress.getByName(name).getHostAddress();
            } catch (IOException failure) {
                answer = "failed";
            }
            System.out.println("resolve " + name + " " + answer);
        });
        thread.setDaemon(true);
        thread.start();
    }
}
