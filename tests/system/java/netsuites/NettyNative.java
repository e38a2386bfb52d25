// SPDX-License-Identifier: Apache-2.0

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultFileRegion;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollMode;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.epoll.EpollTcpInfo;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.SegmentedDatagramPacket;
import io.netty.channel.unix.UnixChannelOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** What only Netty's own library offers: domain sockets, Linux's socket options, sendfile, splice. */
final class NettyNative {
    private static final EventLoopGroup GROUP = NettyTransport.EPOLL.group;

    private NettyNative() {
    }

    static void alone(Report report) throws Exception {
        Path folder = Files.createTempDirectory("netty");
        report.attempt("domain socket", () -> domainSocket(folder.resolve("echo").toString()));
        report.attempt("domain socket that nobody has", () -> domainClient(new NettyEcho.Collector())
            .connect(new DomainSocketAddress(folder.resolve("none").toString())).sync());
        options(report);
        for (EpollMode mode : EpollMode.values()) {
            report.attempt(mode.toString(), () -> triggered(mode));
        }
        Path file = folder.resolve("file");
        Files.write(file, Report.pattern(2_000_000));
        report.attempt("a file", () -> sendFile(file));
        report.attempt("splice", NettyNative::splice);
        report.attempt("one port for several", NettyNative::reusePort);
        report.attempt("datagrams in segments", NettyNative::segments);
    }

    private static Bootstrap domainClient(NettyEcho.Collector collector) {
        return new Bootstrap().group(GROUP).channel(EpollDomainSocketChannel.class).handler(collector);
    }

    private static Object domainSocket(String path) throws Exception {
        Channel server = new ServerBootstrap().group(GROUP).channel(EpollServerDomainSocketChannel.class)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childHandler(NettyTransport.setUp((Channel channel) -> channel.pipeline().addLast(new NettyEcho.Server())))
            .bind(new DomainSocketAddress(path)).sync().channel();
        var collector = new NettyEcho.Collector();
        Object echoed = NettyEcho.exchange(domainClient(collector), server.localAddress(), collector, 1_000_000);
        Channel client = domainClient(new NettyEcho.Collector()).connect(server.localAddress()).sync().channel();
        boolean isKnown = ((EpollDomainSocketChannel) client).peerCredentials().pid() > 0;
        client.close().sync();
        server.close().sync();
        return echoed + ", the peer is known: " + isKnown;
    }

    /** An echo service of the epoll transport. */
    private static Channel server() throws Exception {
        return new ServerBootstrap().group(GROUP).channel(EpollServerSocketChannel.class)
            .option(EpollChannelOption.TCP_DEFER_ACCEPT, 1)
            .option(ChannelOption.TCP_FASTOPEN, 5)
            .childOption(ChannelOption.ALLOW_HALF_CLOSURE, true)
            .childHandler(NettyTransport.setUp((Channel channel) -> channel.pipeline().addLast(new NettyEcho.Server())))
            .bind("127.0.0.1", 0).sync().channel();
    }

    private static void options(Report report) throws Exception {
        Channel server = server();
        var client = (EpollSocketChannel) NettyTransport.EPOLL.client(channel -> {
        }).connect(server.localAddress()).sync().channel();
        try {
            set(report, client, EpollChannelOption.TCP_CORK, true);
            set(report, client, EpollChannelOption.TCP_NOTSENT_LOWAT, 16_384L);
            set(report, client, EpollChannelOption.TCP_KEEPIDLE, 30);
            set(report, client, EpollChannelOption.TCP_KEEPINTVL, 5);
            set(report, client, EpollChannelOption.TCP_KEEPCNT, 4);
            set(report, client, EpollChannelOption.TCP_USER_TIMEOUT, 12_345);
            set(report, client, EpollChannelOption.TCP_QUICKACK, false);
            set(report, client, EpollChannelOption.TCP_QUICKACK, true);
            set(report, client, EpollChannelOption.SO_BUSY_POLL, 0);
            set(report, client, EpollChannelOption.IP_TRANSPARENT, false);
            set(report, client, ChannelOption.TCP_NODELAY, false);
            set(report, client, ChannelOption.SO_KEEPALIVE, true);
            set(report, client, ChannelOption.IP_TOS, 0x10);
            set(report, client, ChannelOption.SO_LINGER, 3);
            report.attempt("TCP_INFO", () -> info(client.tcpInfo()));
        } finally {
            client.close().sync();
            server.close().sync();
        }
    }

    private static <T> void set(Report report, Channel channel, ChannelOption<T> option, T value) {
        report.attempt(option.name().replaceFirst(".*#", ""), () -> {
            boolean isTaken = channel.config().setOption(option, value);
            return isTaken + " " + channel.config().getOption(option);
        });
    }

    /** What does not depend on the network's speed. */
    private static Object info(EpollTcpInfo info) {
        return "state " + info.state() + ", retransmits " + info.retransmits() + ", lost " + info.lost()
            + ", segments " + (info.sndMss() > 500) + ", window " + (info.sndCwnd() > 0) + ", rto " + (info.rto() > 0)
            + ", path MTU " + info.pmtu();
    }

    private static Object triggered(EpollMode mode) throws Exception {
        Channel server = server();
        var collector = new NettyEcho.Collector();
        Bootstrap client = NettyTransport.EPOLL.client(channel -> channel.pipeline().addLast(collector))
            .option(EpollChannelOption.EPOLL_MODE, mode);
        try {
            return NettyEcho.exchange(client, server.localAddress(), collector, 500_000);
        } finally {
            server.close().sync();
        }
    }

    private static Object sendFile(Path file) throws Exception {
        Channel server = NettyTransport.EPOLL.server(channel -> channel.pipeline().addLast(
            new ChannelInboundHandlerAdapter() {
                @Override
                public void channelActive(ChannelHandlerContext context) {
                    context.writeAndFlush(new DefaultFileRegion(file.toFile(), 0, file.toFile().length()))
                        .addListener(io.netty.channel.ChannelFutureListener.CLOSE);
                }
            })).bind("127.0.0.1", 0).sync().channel();
        var collector = new NettyEcho.Collector();
        NettyTransport.EPOLL.client(channel -> channel.pipeline().addLast(collector)).connect(server.localAddress()).sync();
        try {
            return Report.digest(collector.whole.get(2, TimeUnit.MINUTES));
        } finally {
            server.close().sync();
        }
    }

    /** A relay whose bytes go from socket to socket through a pipe, without a visit to the application. */
    private static Object splice() throws Exception {
        Channel target = server();
        Channel relay = new ServerBootstrap().group(GROUP).channel(EpollServerSocketChannel.class)
            .childOption(ChannelOption.AUTO_READ, false)
            .childOption(EpollChannelOption.EPOLL_MODE, EpollMode.LEVEL_TRIGGERED)
            .childHandler(NettyTransport.setUp((EpollSocketChannel front) -> new Bootstrap().group(front.eventLoop())
                .channel(EpollSocketChannel.class)
                .handler(new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelActive(ChannelHandlerContext context) {
                        var back = (EpollSocketChannel) context.channel();
                        back.spliceTo(front, 10_000);
                        front.spliceTo(back, 10_000);
                        front.config().setAutoRead(true);
                    }
                }).option(EpollChannelOption.EPOLL_MODE, EpollMode.LEVEL_TRIGGERED).connect(target.localAddress())))
            .bind("127.0.0.1", 0).sync().channel();
        var answer = new java.util.concurrent.CompletableFuture<byte[]>();
        Channel client = NettyTransport.EPOLL.client(channel -> channel.pipeline().addLast(
            new SimpleChannelInboundHandler<ByteBuf>() {
                private final ByteBuf all = Unpooled.buffer();

                @Override
                protected void channelRead0(ChannelHandlerContext context, ByteBuf message) {
                    all.writeBytes(message);
                    if (all.readableBytes() == 10_000) {
                        answer.complete(io.netty.buffer.ByteBufUtil.getBytes(all));
                    }
                }
            })).connect(relay.localAddress()).sync().channel();
        client.writeAndFlush(Unpooled.wrappedBuffer(Report.pattern(10_000))).sync();
        try {
            return Report.digest(answer.get(1, TimeUnit.MINUTES));
        } finally {
            client.close().sync();
            relay.close().sync();
            target.close().sync();
        }
    }

    private static Object reusePort() throws Exception {
        ServerBootstrap bootstrap = NettyTransport.EPOLL.server(channel -> channel.pipeline().addLast(new NettyEcho.Server()))
            .option(UnixChannelOption.SO_REUSEPORT, true).childOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
        Channel first = bootstrap.bind("127.0.0.1", 0).sync().channel();
        Channel second = bootstrap.bind(first.localAddress()).sync().channel();
        var said = new StringBuilder();
        for (int number = 0; number < 10; number++) {
            var collector = new NettyEcho.Collector();
            said.append(NettyEcho.exchange(NettyTransport.EPOLL.client(channel -> channel.pipeline().addLast(collector)),
                                           first.localAddress(), collector, number));
        }
        first.close().sync();
        second.close().sync();
        return Report.digest(said.toString().getBytes());
    }

    /** One call that sends many datagrams (UDP_SEGMENT), where the kernel can. */
    private static Object segments() throws Exception {
        var sizes = new java.util.concurrent.LinkedBlockingQueue<Integer>();
        var receiver = (EpollDatagramChannel) NettyTransport.EPOLL.datagrams(channel -> channel.pipeline().addLast(
            new SimpleChannelInboundHandler<io.netty.channel.socket.DatagramPacket>() {
                @Override
                protected void channelRead0(ChannelHandlerContext context, io.netty.channel.socket.DatagramPacket packet) {
                    sizes.add(packet.content().readableBytes());
                }
            })).bind("127.0.0.1", 0).sync().channel();
        try {
            if (!EpollDatagramChannel.isSegmentedDatagramPacketSupported()) {
                return "not supported";
            }
            receiver.writeAndFlush(new SegmentedDatagramPacket(Unpooled.wrappedBuffer(Report.pattern(2500)), 1000,
                                                               receiver.localAddress())).sync();
            return sizes.poll(1, TimeUnit.MINUTES) + " " + sizes.poll(1, TimeUnit.MINUTES) + " "
                + sizes.poll(1, TimeUnit.MINUTES);
        } finally {
            receiver.close().sync();
        }
    }
}
