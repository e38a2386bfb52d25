// SPDX-License-Identifier: Apache-2.0

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.handler.codec.http2.Http2StreamFrame;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** HTTP/2 by prior knowledge: many streams of one connection. */
final class NettyHttp2 {
    private NettyHttp2() {
    }

    static void serve(NettyTransport transport, int port) throws Exception {
        transport.server(channel -> channel.pipeline().addLast(
            Http2FrameCodecBuilder.forServer().build(),
            new Http2MultiplexHandler(NettyTransport.setUp(
                (Channel stream) -> stream.pipeline().addLast(new Answers()))))).bind(port).sync();
    }

    /** {@code /N} is answered with N bytes. */
    private static final class Answers extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object frame) {
            if (frame instanceof Http2HeadersFrame request && request.isEndStream()) {
                int size = Integer.parseInt(request.headers().path().toString().substring(1));
                context.write(new DefaultHttp2HeadersFrame(new DefaultHttp2Headers().status("200")));
                context.writeAndFlush(new DefaultHttp2DataFrame(Unpooled.wrappedBuffer(Report.pattern(size)), true));
            } else {
                io.netty.util.ReferenceCountUtil.release(frame);
            }
        }
    }

    private static final class Client extends SimpleChannelInboundHandler<Http2StreamFrame> {
        final CompletableFuture<String> answer = new CompletableFuture<>();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private String status = "no headers";

        @Override
        protected void channelRead0(ChannelHandlerContext context, Http2StreamFrame frame) throws Exception {
            if (frame instanceof Http2HeadersFrame headers) {
                status = headers.headers().status().toString();
            } else if (frame instanceof Http2DataFrame data) {
                data.content().readBytes(bytes, data.content().readableBytes());
                context.write(new io.netty.handler.codec.http2.DefaultHttp2WindowUpdateFrame(data.initialFlowControlledBytes())
                              .stream(data.stream()));
                context.flush();
                if (data.isEndStream()) {
                    answer.complete(status + " " + Report.digest(bytes.toByteArray()));
                }
            } else if (frame instanceof Http2ResetFrame reset) {
                answer.complete("reset " + reset.errorCode());
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            answer.complete("ended early");
        }
    }

    static void ask(NettyTransport transport, String address, int port, Report report) throws Exception {
        Channel connection = transport.client(channel -> channel.pipeline().addLast(
            Http2FrameCodecBuilder.forClient().build(),
            new Http2MultiplexHandler(new ChannelInboundHandlerAdapter())))
            .connect(address, port).sync().channel();
        for (int size : new int[] {0, 1, 16_384, 1_000_000}) {
            report.say(transport + " HTTP/2, " + size + " bytes", start(connection, size).get(4, TimeUnit.MINUTES));
        }
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int number = 0; number < 60; number++) {
            answers.add(start(connection, number * 1000));
        }
        var said = new StringBuilder();
        for (CompletableFuture<String> answer : answers) {
            said.append(answer.get(4, TimeUnit.MINUTES)).append('\n');
        }
        report.say(transport + " HTTP/2, 60 streams", Report.digest(said.toString().getBytes()));
        connection.close().sync();
    }

    private static CompletableFuture<String> start(Channel connection, int size) throws Exception {
        var client = new Client();
        Http2StreamChannel stream = new Http2StreamChannelBootstrap(connection)
            .handler(NettyTransport.setUp((Channel channel) -> channel.pipeline().addLast(client))).open().sync().get();
        stream.writeAndFlush(new DefaultHttp2HeadersFrame(
            new DefaultHttp2Headers().method("GET").scheme("http").authority("netty.test").path("/" + size), true));
        return client.answer;
    }
}
