// SPDX-License-Identifier: Apache-2.0

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpContentCompressor;
import io.netty.handler.codec.http.HttpContentDecompressor;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketServerProtocolHandler;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;

/** HTTP/1.1 with pipelining and gzip, and WebSocket, which the JDK's client speaks to. */
final class NettyHttp {
    private static final int LARGEST = 8 << 20;

    private NettyHttp() {
    }

    static void serve(NettyTransport transport, int port) throws Exception {
        transport.server(channel -> channel.pipeline().addLast(
            new HttpServerCodec(), new HttpContentCompressor(), new HttpObjectAggregator(LARGEST),
            new WebSocketServerProtocolHandler("/socket", null, true, LARGEST), new WebSocketFrameAggregator(LARGEST),
            new Answers(), new Echo())).bind(port).sync();
    }

    /** {@code /bytes/N} gives N bytes, a POST what was posted. */
    private static final class Answers extends SimpleChannelInboundHandler<FullHttpRequest> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            String path = request.uri();
            ByteBuf body = request.method().equals(HttpMethod.POST) ? request.content().retain()
                : Unpooled.wrappedBuffer(Report.pattern(Integer.parseInt(path.substring(path.lastIndexOf('/') + 1))));
            var answer = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, body);
            answer.headers().set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
            context.writeAndFlush(answer);
        }
    }

    private static final class Echo extends SimpleChannelInboundHandler<WebSocketFrame> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
            ByteBuf content = frame.content().retain();
            context.writeAndFlush(frame instanceof TextWebSocketFrame ? new TextWebSocketFrame(content)
                                  : new BinaryWebSocketFrame(content));
        }
    }

    private static final class Client extends SimpleChannelInboundHandler<FullHttpResponse> {
        final BlockingQueue<String> answers = new ArrayBlockingQueue<>(200);

        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpResponse answer) {
            answers.add(answer.status() + " " + Report.digest(ByteBufUtil.getBytes(answer.content())));
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable failure) {
            answers.add(Report.describe(failure));
        }

        String next() throws InterruptedException {
            return answers.poll(4, TimeUnit.MINUTES);
        }
    }

    static void ask(NettyTransport transport, String address, int port, Report report) throws Exception {
        var client = new Client();
        Channel channel = transport.client(one -> one.pipeline().addLast(
            new HttpClientCodec(), new HttpContentDecompressor(), new HttpObjectAggregator(LARGEST), client))
            .connect(address, port).sync().channel();
        for (int size : new int[] {0, 1, 1460, 100_000, 2_000_000}) {
            channel.writeAndFlush(request(HttpMethod.GET, "/bytes/" + size, Unpooled.EMPTY_BUFFER, false));
            report.say(transport + " HTTP/1.1, " + size + " bytes", client.next());
            channel.writeAndFlush(request(HttpMethod.POST, "/", Unpooled.wrappedBuffer(Report.pattern(size)), true));
            report.say(transport + " HTTP/1.1, " + size + " up and back by gzip", client.next());
        }
        for (int number = 0; number < 100; number++) {
            channel.write(request(HttpMethod.GET, "/bytes/" + number * 111, Unpooled.EMPTY_BUFFER, false));
        }
        channel.flush();
        var said = new StringBuilder();
        for (int number = 0; number < 100; number++) {
            said.append(client.next()).append('\n');
        }
        report.say(transport + " HTTP/1.1, 100 pipelined", Report.digest(said.toString().getBytes()));
        channel.close().sync();
        report.attempt(transport + " WebSocket", () -> WebClient.webSocket(address, port));
    }

    private static FullHttpRequest request(HttpMethod method, String path, ByteBuf body, boolean isGzipTaken) {
        var request = new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, method, path, body);
        request.headers().set(HttpHeaderNames.HOST, "netty.test")
            .set(HttpHeaderNames.CONTENT_LENGTH, body.readableBytes());
        if (isGzipTaken) {
            request.headers().set(HttpHeaderNames.ACCEPT_ENCODING, "gzip");
        }
        return request;
    }
}
