// SPDX-License-Identifier: Apache-2.0

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import java.io.ByteArrayOutputStream;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Bytes to and fro, with half-closed connections, resets and refusals. */
final class NettyEcho {
    private NettyEcho() {
    }

    static void serve(NettyTransport transport, int port) throws Exception {
        transport.server(channel -> channel.pipeline().addLast(new Server()))
            .option(ChannelOption.SO_BACKLOG, 200)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .bind(port).sync();
    }

    /** Gives back what comes, and after the last of it a good-bye. */
    static final class Server extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            context.write(message);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext context) {
            context.flush();
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext context) {
            // The client is to feel that we cannot get rid of it.
            context.channel().config().setAutoRead(context.channel().isWritable());
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            if (event instanceof ChannelInputShutdownEvent) {
                context.writeAndFlush(Unpooled.copiedBuffer("good-bye".getBytes()))
                    .addListener(io.netty.channel.ChannelFutureListener.CLOSE);
            }
        }
    }

    /** Collects everything until the other end closes. */
    static final class Collector extends SimpleChannelInboundHandler<ByteBuf> {
        final CompletableFuture<byte[]> whole = new CompletableFuture<>();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        @Override
        protected void channelRead0(ChannelHandlerContext context, ByteBuf message) throws Exception {
            message.readBytes(bytes, message.readableBytes());
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            whole.complete(bytes.toByteArray());
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable failure) {
            whole.completeExceptionally(failure);
            context.close();
        }
    }

    static void ask(NettyTransport transport, String address, int port, Report report) {
        var there = new InetSocketAddress(address, port);
        for (int size : new int[] {0, 1, 70_000, 3_000_000}) {
            report.attempt(transport + " echo of " + size, () -> echo(transport, there, size));
        }
        report.attempt(transport + " 50 echoes at once", () -> {
            var all = new CompletableFuture<?>[50];
            for (int index = 0; index < all.length; index++) {
                int size = index * 100;
                all[index] = CompletableFuture.supplyAsync(() -> {
                    try {
                        return echo(transport, there, size);
                    } catch (Exception failure) {
                        return failure;
                    }
                });
            }
            var said = new StringBuilder();
            for (CompletableFuture<?> one : all) {
                said.append(one.get()).append('\n');
            }
            return Report.digest(said.toString().getBytes());
        });
    }

    private static Object echo(NettyTransport transport, SocketAddress there, int size) throws Exception {
        var collector = new Collector();
        return exchange(transport.client(channel -> channel.pipeline().addLast(collector)), there, collector, size);
    }

    /** Sends in pieces of many sizes, ends its side, and takes what comes back until the other side ends. */
    static Object exchange(Bootstrap client, SocketAddress there, Collector collector, int size) throws Exception {
        Channel channel = client.connect(there).sync().channel();
        ByteBuf data = Unpooled.wrappedBuffer(Report.pattern(size));
        for (int piece = 1; data.isReadable(); piece = piece * 3 % 65_537) {
            channel.writeAndFlush(data.readRetainedSlice(Math.min(piece, data.readableBytes())));
        }
        // What is not yet written when the side ends is given up.
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).sync();
        ((DuplexChannel) channel).shutdownOutput().sync();
        return Report.digest(collector.whole.get(4, TimeUnit.MINUTES));
    }

    static void alone(NettyTransport transport, Report report) throws Exception {
        report.attempt(transport + " refused", () -> transport.client(channel -> {
        }).connect("127.0.0.1", 1).sync());
        report.attempt(transport + " reset by the server", () -> {
            Channel server = transport.server(channel -> channel.pipeline().addLast(new Resetting()))
                .childOption(ChannelOption.SO_LINGER, 0).bind("127.0.0.1", 0).sync().channel();
            var collector = new Collector();
            Channel client = transport.client(channel -> channel.pipeline().addLast(collector))
                .connect(server.localAddress()).sync().channel();
            client.writeAndFlush(Unpooled.copiedBuffer("anything".getBytes())).sync();
            try {
                return Report.digest(collector.whole.get(1, TimeUnit.MINUTES));
            } finally {
                server.close().sync();
            }
        });
        report.attempt(transport + " address in use", () -> {
            Channel first = transport.server(channel -> {
            }).bind("127.0.0.1", 0).sync().channel();
            try {
                return transport.server(channel -> {
                }).bind(first.localAddress()).sync();
            } finally {
                first.close().sync();
            }
        });
        report.attempt(transport + " no such address", () -> transport.server(channel -> {
        }).bind("192.0.2.1", 0).sync());
        report.attempt(transport + " by IPv6", () -> {
            Channel server = transport.server(channel -> channel.pipeline().addLast(new Server()))
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true).bind("::1", 0).sync().channel();
            try {
                return echo(transport, server.localAddress(), 10_000);
            } finally {
                server.close().sync();
            }
        });
    }

    private static final class Resetting extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            io.netty.util.ReferenceCountUtil.release(message);
            context.close();
        }
    }
}
