// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.Inet4Address;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.InterfaceAddress;
import java.net.MulticastSocket;
import java.net.NetworkInterface;
import java.net.PortUnreachableException;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.MembershipKey;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Datagrams by the JDK's channels and sockets, to one machine and to groups. */
final class Datagrams implements Library {
    private static final String GROUP_4 = "239.77.1.2";
    private static final String GROUP_6 = "ff15::77:1:2";
    private static final int PATIENCE_MS = 20_000;
    private static final int SILENCE_MS = 300;

    @Override
    public void serve(int port) throws Exception {
        DatagramChannel channel = DatagramChannel.open().bind(new InetSocketAddress(port));
        var server = new Thread(() -> {
            ByteBuffer buffer = ByteBuffer.allocate(70_000);
            while (true) {
                try {
                    buffer.clear();
                    SocketAddress from = channel.receive(buffer);
                    channel.send(buffer.flip(), from);
                } catch (IOException failure) {
                    failure.printStackTrace();
                }
            }
        });
        server.setDaemon(true);
        server.start();
    }

    @Override
    public void ask(String address, int port, Report report) throws Exception {
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.setSoTimeout(3000);
            socket.connect(new InetSocketAddress(address, port));
            for (int size : new int[] {1, 1400, 1472, 8000}) {
                report.attempt("echo of " + size, () -> echo(socket, size));
            }
        }
    }

    /** A datagram may be lost on its way; then it is sent again. */
    private static Object echo(DatagramSocket socket, int size) throws IOException {
        for (int attempt = 0; attempt < 10; attempt++) {
            socket.send(new DatagramPacket(Report.pattern(size), size));
            var back = new DatagramPacket(new byte[70_000], 70_000);
            try {
                do {
                    socket.receive(back);
                } while (back.getLength() != size);
                return Report.digest(java.util.Arrays.copyOf(back.getData(), back.getLength()));
            } catch (java.net.SocketTimeoutException lost) {
                continue;
            }
        }
        return "no answer";
    }

    // --- Within one machine -----------------------------------------------------------------------

    @Override
    public void alone(Report report) throws Exception {
        unicast(report);
        var places = new ArrayList<NetworkInterface>(List.of(NetworkInterface.getByName("lo")));
        NetworkInterface card = NetworkInterface.getByName("eth0");
        if (card != null) {
            places.add(card);
        }
        for (NetworkInterface place : places) {
            String name = place.getName();
            report.attempt(name + ", a group of IPv4", () -> group(place, StandardProtocolFamily.INET, GROUP_4));
            report.attempt(name + ", a group of IPv6", () -> group(place, StandardProtocolFamily.INET6, GROUP_6));
            report.attempt(name + ", of IPv4, from one source", () -> sources(place, StandardProtocolFamily.INET, GROUP_4));
            report.attempt(name + ", of IPv6, from one source", () -> sources(place, StandardProtocolFamily.INET6, GROUP_6));
            report.attempt(name + ", a MulticastSocket", () -> multicastSocket(place));
        }
    }

    private static void unicast(Report report) throws Exception {
        try (DatagramChannel one = open(StandardProtocolFamily.INET).bind(new InetSocketAddress("127.0.0.1", 0));
             DatagramChannel two = open(StandardProtocolFamily.INET6).bind(new InetSocketAddress("::1", 0))) {
            report.attempt("largest datagram", () -> one.send(ByteBuffer.wrap(Report.pattern(65_507)), one.getLocalAddress()));
            report.attempt("it comes", () -> receive(one, PATIENCE_MS));
            report.attempt("too large", () -> one.send(ByteBuffer.wrap(Report.pattern(65_508)), one.getLocalAddress()));
            report.attempt("by IPv6", () -> two.send(ByteBuffer.wrap(Report.pattern(3000)), two.getLocalAddress()));
            report.attempt("it comes, too", () -> receive(two, PATIENCE_MS));
            report.attempt("to the other family", () -> one.send(ByteBuffer.wrap(new byte[1]), two.getLocalAddress()));
        }
        report.attempt("nobody there", () -> {
            try (DatagramChannel channel = open(StandardProtocolFamily.INET)) {
                channel.connect(new InetSocketAddress("127.0.0.1", 1));
                channel.write(ByteBuffer.wrap(new byte[1]));
                channel.configureBlocking(true);
                return channel.read(ByteBuffer.allocate(1));
            } catch (PortUnreachableException refused) {
                return "refused";
            }
        });
        try (DatagramChannel channel = DatagramChannel.open(StandardProtocolFamily.INET)) {
            report.attempt("broadcast without leave", () -> channel.send(
                ByteBuffer.wrap(new byte[1]), new InetSocketAddress("255.255.255.255", 9)));
            report.say("options", new java.util.TreeMap<>(java.util.Map.of(
                "ttl", channel.getOption(StandardSocketOptions.IP_MULTICAST_TTL),
                "loop", channel.getOption(StandardSocketOptions.IP_MULTICAST_LOOP),
                "tos", channel.setOption(StandardSocketOptions.IP_TOS, 8).getOption(StandardSocketOptions.IP_TOS),
                "port", channel.setOption(StandardSocketOptions.SO_REUSEPORT, true)
                    .getOption(StandardSocketOptions.SO_REUSEPORT))));
        }
    }

    private static DatagramChannel open(ProtocolFamily family) throws IOException {
        var channel = DatagramChannel.open(family);
        channel.configureBlocking(false);
        return channel;
    }

    private static String receive(DatagramChannel channel, int patience) throws IOException {
        try (Selector selector = Selector.open()) {
            channel.register(selector, SelectionKey.OP_READ);
            ByteBuffer buffer = ByteBuffer.allocate(70_000);
            if (selector.select(patience) == 0 || channel.receive(buffer) == null) {
                return "silence";
            }
            return Report.digest(java.util.Arrays.copyOf(buffer.array(), buffer.position()));
        }
    }

    private static DatagramChannel member(ProtocolFamily family) throws IOException {
        return open(family).setOption(StandardSocketOptions.SO_REUSEADDR, true).bind(new InetSocketAddress(0));
    }

    private static DatagramChannel sender(NetworkInterface place, ProtocolFamily family) throws IOException {
        return open(family).setOption(StandardSocketOptions.IP_MULTICAST_IF, place);
    }

    private static InetSocketAddress at(String group, DatagramChannel channel) throws IOException {
        return new InetSocketAddress(group, ((InetSocketAddress) channel.getLocalAddress()).getPort());
    }

    private static void send(DatagramChannel sender, InetSocketAddress there, int size) throws IOException {
        sender.send(ByteBuffer.wrap(Report.pattern(size)), there);
    }

    /** Two members hear what is sent; one that left does not; nobody does without the loop. */
    private static Object group(NetworkInterface place, ProtocolFamily family, String group) throws IOException {
        try (DatagramChannel one = member(family); DatagramChannel sender = sender(place, family)) {
            InetSocketAddress there = at(group, one);
            try (DatagramChannel two = open(family).setOption(StandardSocketOptions.SO_REUSEADDR, true)
                    .bind(new InetSocketAddress(there.getPort()))) {
                var said = new StringBuilder();
                send(sender, there, 10);
                said.append("before joining: ").append(receive(one, SILENCE_MS));
                MembershipKey first = one.join(there.getAddress(), place);
                MembershipKey second = two.join(there.getAddress(), place);
                send(sender, there, 100);
                said.append("; both: ").append(receive(one, PATIENCE_MS)).append(", ").append(receive(two, PATIENCE_MS));
                first.drop();
                send(sender, there, 200);
                said.append("; one left: ").append(receive(two, PATIENCE_MS)).append(", valid ").append(first.isValid());
                sender.setOption(StandardSocketOptions.IP_MULTICAST_LOOP, false);
                send(sender, there, 300);
                said.append("; no loop: ").append(receive(two, SILENCE_MS));
                second.drop();
                return said;
            }
        }
    }

    private static InetAddress addressOf(NetworkInterface place, ProtocolFamily family) throws IOException {
        Class<?> kind = family == StandardProtocolFamily.INET ? Inet4Address.class : Inet6Address.class;
        // A router's advertisement takes a moment to come, and what it gives another to be asked about (RFC 4862).
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (true) {
            // The kernel answers from a link-local address to an IPv6 group of the link, else from a wider one.
            var found = NetworkInterface.getByIndex(place.getIndex()).getInterfaceAddresses().stream()
                .map(InterfaceAddress::getAddress).filter(kind::isInstance)
                .filter(address -> !address.isLinkLocalAddress()).findFirst();
            if (found.isPresent() && !isTentative(found.get())) {
                return found.get();
            }
            if (System.nanoTime() > deadline) {
                throw new IOException("no address of " + family + " on " + place.getName());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }
    }

    private static boolean isTentative(InetAddress address) throws IOException {
        String digits = HexFormat.of().formatHex(address.getAddress());
        try (var lines = Files.lines(Path.of("/proc/net/if_inet6"))) {
            return lines.map(line -> line.trim().split(" +"))
                .anyMatch(words -> words[0].equals(digits) && (Integer.parseInt(words[4], 16) & 0x40) != 0);
        }
    }

    /** Only from a source that the member named, and not from one that it blocks. */
    private static Object sources(NetworkInterface place, ProtocolFamily family, String group) throws IOException {
        InetAddress source = addressOf(place, family);
        InetAddress other = InetAddress.getByName(family == StandardProtocolFamily.INET ? "192.0.2.9" : "2001:db8::9");
        try (DatagramChannel one = member(family); DatagramChannel sender = sender(place, family)) {
            sender.bind(new InetSocketAddress(source, 0));
            InetSocketAddress there = at(group, one);
            var said = new StringBuilder();
            MembershipKey key = one.join(there.getAddress(), place, other);
            send(sender, there, 10);
            said.append("from another: ").append(receive(one, SILENCE_MS));
            key.drop();
            key = one.join(there.getAddress(), place, source);
            send(sender, there, 20);
            said.append("; from it: ").append(receive(one, PATIENCE_MS));
            key.drop();
            key = one.join(there.getAddress(), place);
            key.block(source);
            send(sender, there, 30);
            said.append("; blocked: ").append(receive(one, SILENCE_MS));
            key.unblock(source);
            send(sender, there, 40);
            said.append("; unblocked: ").append(receive(one, PATIENCE_MS));
            return said;
        }
    }

    private static Object multicastSocket(NetworkInterface place) throws IOException {
        try (MulticastSocket socket = new MulticastSocket(0)) {
            socket.setSoTimeout(PATIENCE_MS);
            var there = new InetSocketAddress(GROUP_4, socket.getLocalPort());
            socket.joinGroup(there, place);
            socket.setNetworkInterface(place);
            socket.setTimeToLive(1);
            socket.send(new DatagramPacket(Report.pattern(50), 50, there));
            var packet = new DatagramPacket(new byte[100], 100);
            socket.receive(packet);
            socket.leaveGroup(there, place);
            return packet.getLength() + " bytes, interface " + socket.getNetworkInterface().getName() + ", ttl "
                + socket.getTimeToLive();
        }
    }
}
