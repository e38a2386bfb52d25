// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import jdk.net.ExtendedSocketOptions;

/**
 * Transfers whose receiver can tell whether each byte is right ({@link Exchange}), for any number of connections in
 * one thread. Of three ports the first serves at once, the second reads nothing before {@link #letHeldGo}, and the
 * third finds peers that have vanished by keep-alives, within seconds. Datagrams to the first come back.
 */
class DataService {
    private static final int BACKLOG = 1024;
    private static final int LARGEST_DATAGRAM = 65507;

    private final Selector selector = Selector.open();
    private final ByteBuffer scratch = ByteBuffer.allocateDirect(65536);
    private final ConcurrentLinkedQueue<Runnable> orders = new ConcurrentLinkedQueue<>();
    private final AtomicInteger connections = new AtomicInteger();
    private boolean held = true;

    /** How a listener treats what it accepts. */
    private enum Kind { PLAIN, HELD, KEPT_ALIVE }

    DataService(int port) throws IOException {
        listen(port, Kind.PLAIN);
        listen(port + 1, Kind.HELD);
        listen(port + 2, Kind.KEPT_ALIVE);
        var datagrams = DatagramChannel.open();
        datagrams.bind(new InetSocketAddress(port));
        datagrams.configureBlocking(false);
        datagrams.register(selector, SelectionKey.OP_READ);
        var thread = new Thread(this::serve, "data service");
        thread.setDaemon(true);
        thread.start();
    }

    int connections() {
        return connections.get();
    }

    void letHeldGo() {
        order(() -> {
            held = false;
            for (SelectionKey key : selector.keys()) {
                if (key.isValid() && key.attachment() instanceof Exchange && key.interestOps() == 0) {
                    key.interestOps(SelectionKey.OP_READ);
                }
            }
        });
    }

    void resetAll() {
        order(() -> {
            held = true;
            for (SelectionKey key : selector.keys()) {
                if (key.attachment() instanceof Exchange) {
                    try {
                        ((SocketChannel) key.channel()).setOption(StandardSocketOptions.SO_LINGER, 0);
                    } catch (IOException closed) {
                        // Then there is nothing to reset.
                    }
                    close(key);
                }
            }
        });
    }

    private void order(Runnable work) {
        orders.add(work);
        selector.wakeup();
    }

    private void listen(int port, Kind kind) throws IOException {
        var listener = ServerSocketChannel.open();
        listener.bind(new InetSocketAddress(port), BACKLOG);
        listener.configureBlocking(false);
        listener.register(selector, SelectionKey.OP_ACCEPT, kind);
    }

    private void serve() {
        try {
            while (true) {
                selector.select();
                for (Runnable order = orders.poll(); order != null; order = orders.poll()) {
                    order.run();
                }
                for (SelectionKey key : selector.selectedKeys()) {
                    if (key.isValid()) {
                        serve(key);
                    }
                }
                selector.selectedKeys().clear();
            }
        } catch (IOException failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }

    private void serve(SelectionKey key) throws IOException {
        if (key.channel() instanceof ServerSocketChannel listener) {
            accept(listener, (Kind) key.attachment());
        } else if (key.channel() instanceof DatagramChannel datagrams) {
            echo(datagrams);
        } else {
            try {
                if (!((Exchange) key.attachment()).goOn(key, scratch)) {
                    close(key);
                }
            } catch (IOException reset) {
                close(key);
            }
        }
    }

    private void accept(ServerSocketChannel listener, Kind kind) throws IOException {
        for (SocketChannel connection = listener.accept(); connection != null; connection = listener.accept()) {
            connection.configureBlocking(false);
            if (kind == Kind.KEPT_ALIVE) {
                keepAlive(connection);
            }
            connection.register(selector, kind == Kind.HELD && held ? 0 : SelectionKey.OP_READ, new Exchange());
            connections.incrementAndGet();
        }
    }

    private static void keepAlive(SocketChannel connection) throws IOException {
        connection.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        connection.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, 2);
        connection.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, 1);
        connection.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, 3);
    }

    private void close(SelectionKey key) {
        connections.decrementAndGet();
        key.cancel();
        try {
            key.channel().close();
        } catch (IOException gone) {
            // It is closed all the same.
        }
    }

    private void echo(DatagramChannel datagrams) throws IOException {
        scratch.clear().limit(LARGEST_DATAGRAM);
        for (SocketAddress from = datagrams.receive(scratch); from != null; from = datagrams.receive(scratch)) {
            scratch.flip();
            try {
                datagrams.send(scratch, from);
            } catch (IOException unreachable) {
                // A peer that cannot be reached gets no echo.
            }
            scratch.clear().limit(LARGEST_DATAGRAM);
        }
    }
}
