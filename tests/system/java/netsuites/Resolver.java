// SPDX-License-Identifier: Apache-2.0

import java.net.Inet6Address;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.Hashtable;
import java.util.Collections;
import java.util.TreeSet;
import javax.naming.Context;
import javax.naming.directory.InitialDirContext;

/** Names from the name server of the test: by the system's resolver, and by the JDK's own over UDP and TCP. */
final class Resolver implements Library {
    @Override
    public void serve(int port) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void ask(String address, int port, Report report) throws Exception {
        for (String name : new String[] {"plain", "both", "six", "alias", "truncated", "many", "missing", "broken",
                                         "empty"}) {
            report.attempt(name, () -> all(name + ".mokapot.test"));
        }
        report.attempt("backwards", () -> InetAddress.getByName("192.0.2.1").getCanonicalHostName());
        report.attempt("localhost", () -> new TreeSet<>(Arrays.asList(
            InetAddress.getByName("localhost").isLoopbackAddress())));
        report.attempt("from many threads", Resolver::together);
        var settings = new Hashtable<String, Object>();
        settings.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.dns.DnsContextFactory");
        settings.put(Context.PROVIDER_URL, "dns://" + address + ":" + port);
        var directory = new InitialDirContext(settings);
        for (String name : new String[] {"plain", "truncated", "many", "missing"}) {
            report.attempt(name + " by JNDI", () -> {
                var values = new TreeSet<String>();
                var attribute = directory.getAttributes(name + ".mokapot.test", new String[] {"A"}).get("A");
                Collections.list(attribute.getAll()).forEach(value -> values.add(value.toString()));
                return values;
            });
        }
        directory.close();
    }

    private static Object all(String name) throws Exception {
        var found = new TreeSet<String>();
        for (InetAddress address : InetAddress.getAllByName(name)) {
            found.add((address instanceof Inet6Address ? "6 " : "4 ") + address.getHostAddress());
        }
        return found.size() + " " + found;
    }

    private static Object together() throws Exception {
        var threads = new Thread[20];
        var said = Collections.synchronizedSet(new TreeSet<String>());
        for (int index = 0; index < threads.length; index++) {
            String name = "number" + index + ".mokapot.test";
            threads[index] = new Thread(() -> {
                try {
                    said.add(InetAddress.getByName(name).toString());
                } catch (java.net.UnknownHostException failure) {
                    said.add(failure.toString());
                }
            });
            threads[index].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return said;
    }
}
