// SPDX-License-Identifier: Apache-2.0

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;

/** What Java knows of the machine's network interfaces. */
final class Interfaces implements Library {
    @Override
    public void serve(int port) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void ask(String address, int port, Report report) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void alone(Report report) throws Exception {
        awaitRouter();
        var all = Collections.list(NetworkInterface.getNetworkInterfaces());
        all.sort(Comparator.comparing(NetworkInterface::getName));
        for (NetworkInterface one : all) {
            report.say(one.getName(), "index " + one.getIndex() + ", MTU " + one.getMTU() + ", " + one.getDisplayName()
                + (one.isUp() ? ", up" : "") + (one.isLoopback() ? ", loopback" : "")
                + (one.isPointToPoint() ? ", point to point" : "") + (one.isVirtual() ? ", virtual" : "")
                + (one.supportsMulticast() ? ", multicast" : "")
                + ", hardware address of " + (one.getHardwareAddress() == null ? 0 : one.getHardwareAddress().length));
            var addresses = new ArrayList<>(one.getInterfaceAddresses());
            addresses.sort(Comparator.comparing(entry -> entry.getAddress().getHostAddress()));
            for (InterfaceAddress entry : addresses) {
                report.say(one.getName(), describe(entry.getAddress()) + "/" + entry.getNetworkPrefixLength()
                    + ", broadcast " + entry.getBroadcast());
            }
            report.say(one.getName(), "found again by name " + one.equals(NetworkInterface.getByName(one.getName()))
                + ", by index " + one.equals(NetworkInterface.getByIndex(one.getIndex()))
                + ", by address " + (addresses.isEmpty() ? "none"
                    : one.equals(NetworkInterface.getByInetAddress(addresses.get(0).getAddress()))));
            report.say(one.getName(), "interfaces below it: " + Collections.list(one.getSubInterfaces()).size()
                + ", above it: " + one.getParent());
        }
        report.attempt("an address that is nobody's",
                       () -> NetworkInterface.getByInetAddress(InetAddress.getByName("192.0.2.77")));
        report.attempt("a name that is nobody's", () -> NetworkInterface.getByName("eth77"));
        report.attempt("reached", () -> InetAddress.getByName("127.0.0.1").isReachable(5000)
            + " " + InetAddress.getByName("::1").isReachable(5000));
    }

    /** An IPv6 address beyond the link comes with a router's advertisement, a moment after the machine has started. */
    private static void awaitRouter() throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (System.nanoTime() < end && NetworkInterface.networkInterfaces().flatMap(NetworkInterface::inetAddresses)
                .noneMatch(address -> address instanceof Inet6Address && !address.isLoopbackAddress()
                    && !address.isLinkLocalAddress())) {
            Thread.sleep(20);
        }
    }

    /** The half of an IPv6 address that comes from the hardware's is the machine's own. */
    private static String describe(InetAddress address) {
        if (!(address instanceof Inet6Address six)) {
            return address.getHostAddress();
        }
        String kind = six.isLoopbackAddress() ? "::1" : six.isLinkLocalAddress() ? "link-local"
            : six.isSiteLocalAddress() ? "site-local" : "global";
        return kind + ", scope " + six.getScopeId();
    }
}
