// SPDX-License-Identifier: Apache-2.0

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.ChannelOption;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.socket.DatagramPacket;
import java.net.InetSocketAddress;
import java.util.TreeSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Datagrams one by one and many in one call (sendmmsg, recvmmsg). A lost one is asked for again. */
final class NettyDatagrams {
    private static final int BATCH = 16;

    private NettyDatagrams() {
    }

    private static Bootstrap bootstrap(NettyTransport transport, SimpleChannelInboundHandler<DatagramPacket> handler) {
        Bootstrap bootstrap = transport.datagrams(channel -> channel.pipeline().addLast(handler))
            .option(ChannelOption.RCVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(65_536));
        if (transport == NettyTransport.EPOLL) {
            bootstrap.option(EpollChannelOption.MAX_DATAGRAM_PAYLOAD_SIZE, 2048)
                .option(ChannelOption.RCVBUF_ALLOCATOR, new FixedRecvByteBufAllocator(2048 * BATCH));
        }
        return bootstrap;
    }

    static void serve(NettyTransport transport, int port) throws Exception {
        bootstrap(transport, new SimpleChannelInboundHandler<>() {
            @Override
            protected void channelRead0(ChannelHandlerContext context, DatagramPacket packet) {
                context.write(new DatagramPacket(packet.content().retain(), packet.sender()));
            }

            @Override
            public void channelReadComplete(ChannelHandlerContext context) {
                context.flush();
            }
        }).bind(port).sync();
    }

    static void ask(NettyTransport transport, String address, int port, Report report) throws Exception {
        var there = new InetSocketAddress(address, port);
        var answers = new LinkedBlockingQueue<byte[]>();
        Channel channel = bootstrap(transport, new SimpleChannelInboundHandler<>() {
            @Override
            protected void channelRead0(ChannelHandlerContext context, DatagramPacket packet) {
                answers.add(ByteBufUtil.getBytes(packet.content()));
            }
        }).bind(0).sync().channel();
        for (int size : new int[] {1, 512, 1400}) {
            report.say(transport + " datagram of " + size, one(channel, there, answers, size));
        }
        report.say(transport + " datagrams together", many(channel, there, answers));
        channel.close().sync();
    }

    private static Object one(Channel channel, InetSocketAddress there, LinkedBlockingQueue<byte[]> answers, int size)
        throws Exception {
        answers.clear();
        for (int attempt = 0; attempt < 20; attempt++) {
            channel.writeAndFlush(new DatagramPacket(Unpooled.wrappedBuffer(Report.pattern(size)), there)).sync();
            byte[] answer = answers.poll(3, TimeUnit.SECONDS);
            if (answer != null && answer.length == size) {
                return Report.digest(answer);
            }
        }
        return "no answer";
    }

    private static Object many(Channel channel, InetSocketAddress there, LinkedBlockingQueue<byte[]> answers)
        throws Exception {
        var got = new TreeSet<Integer>();
        for (int attempt = 0; attempt < 20 && got.size() < 3 * BATCH; attempt++) {
            for (int number = 0; number < 3 * BATCH; number++) {
                channel.write(new DatagramPacket(Unpooled.wrappedBuffer(Report.pattern(100 + number)), there));
            }
            channel.flush();
            for (byte[] answer = answers.poll(3, TimeUnit.SECONDS); answer != null;
                 answer = got.size() < 3 * BATCH ? answers.poll(3, TimeUnit.SECONDS) : answers.poll()) {
                if (java.util.Arrays.equals(answer, Report.pattern(answer.length)) && answer.length >= 100) {
                    got.add(answer.length);
                }
            }
        }
        return got;
    }
}
