// SPDX-License-Identifier: Apache-2.0

import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;

/**
 * Each byte that a client sends is answered by one non-blocking write of more than there is room for, with TCP_NODELAY;
 * what of it was taken is all that is sent.
 */
class ShortSends {
    public static void main(String[] arguments) throws Exception {
        try (var server = ServerSocketChannel.open().bind(new InetSocketAddress(Integer.parseInt(arguments[0])));
             var connection = server.accept()) {
            connection.setOption(StandardSocketOptions.TCP_NODELAY, true);
            connection.setOption(StandardSocketOptions.SO_SNDBUF, 10_000);
            var order = ByteBuffer.allocateDirect(1);
            var answer = ByteBuffer.allocateDirect(1_000_000);
            while (connection.read(order.clear()) > 0) {
                connection.configureBlocking(false);
                System.out.println("sent " + connection.write(answer.clear()));
                connection.configureBlocking(true);
            }
        }
    }
}
