// SPDX-License-Identifier: Apache-2.0

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollEventLoopGroup;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.ServerSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.util.function.Consumer;

/** One of Netty's ways to the kernel: through the JDK, or through its own library and epoll. */
enum NettyTransport {
    NIO(new NioEventLoopGroup(2), NioServerSocketChannel.class, NioSocketChannel.class, NioDatagramChannel.class),
    EPOLL(epoll(), EpollServerSocketChannel.class, EpollSocketChannel.class, EpollDatagramChannel.class);

    final EventLoopGroup group;
    final Class<? extends ServerSocketChannel> serverClass;
    final Class<? extends SocketChannel> clientClass;
    final Class<? extends DatagramChannel> datagramClass;

    NettyTransport(EventLoopGroup group, Class<? extends ServerSocketChannel> serverClass,
                   Class<? extends SocketChannel> clientClass, Class<? extends DatagramChannel> datagramClass) {
        this.group = group;
        this.serverClass = serverClass;
        this.clientClass = clientClass;
        this.datagramClass = datagramClass;
    }

    /** Fails with the reason where Netty's library cannot be loaded. */
    private static EventLoopGroup epoll() {
        Epoll.ensureAvailability();
        return new EpollEventLoopGroup(2);
    }

    static <C extends Channel> ChannelInitializer<C> setUp(Consumer<C> work) {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(C channel) {
                work.accept(channel);
            }
        };
    }

    ServerBootstrap server(Consumer<SocketChannel> setUp) {
        return new ServerBootstrap().group(group).channel(serverClass).childHandler(setUp(setUp));
    }

    Bootstrap client(Consumer<Channel> setUp) {
        return new Bootstrap().group(group).channel(clientClass).handler(setUp(setUp));
    }

    Bootstrap datagrams(Consumer<Channel> setUp) {
        return new Bootstrap().group(group).channel(datagramClass).handler(setUp(setUp));
    }
}
