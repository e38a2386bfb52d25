// SPDX-License-Identifier: Apache-2.0

/** Netty by both its transports. Each has four ports from the given one: echo, HTTP/1.1, HTTP/2, datagrams. */
final class NettyLibrary implements Library {
    private static final int PORTS = 4;

    private static int first(NettyTransport transport, int port) {
        return port + PORTS * transport.ordinal();
    }

    @Override
    public void serve(int port) throws Exception {
        for (NettyTransport transport : NettyTransport.values()) {
            int first = first(transport, port);
            NettyEcho.serve(transport, first);
            NettyHttp.serve(transport, first + 1);
            NettyHttp2.serve(transport, first + 2);
            NettyDatagrams.serve(transport, first + 3);
        }
    }

    @Override
    public void ask(String address, int port, Report report) throws Exception {
        for (NettyTransport transport : NettyTransport.values()) {
            int first = first(transport, port);
            NettyEcho.ask(transport, address, first, report);
            NettyHttp.ask(transport, address, first + 1, report);
            NettyHttp2.ask(transport, address, first + 2, report);
            NettyDatagrams.ask(transport, address, first + 3, report);
        }
    }

    @Override
    public void alone(Report report) throws Exception {
        for (NettyTransport transport : NettyTransport.values()) {
            NettyEcho.alone(transport, report);
        }
        NettyNative.alone(report);
    }
}
