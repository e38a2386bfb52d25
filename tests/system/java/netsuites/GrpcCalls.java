// SPDX-License-Identifier: Apache-2.0

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** gRPC-java over Netty: each kind of call, deadlines and cancellation; with TLS at the next port. */
final class GrpcCalls implements Library {
    private static final int LARGEST = 8 << 20;
    private static final MethodDescriptor<byte[], byte[]> REVERSE = method("Reverse", MethodType.UNARY);
    private static final MethodDescriptor<byte[], byte[]> REFUSE = method("Refuse", MethodType.UNARY);
    private static final MethodDescriptor<byte[], byte[]> NEVER = method("Never", MethodType.UNARY);
    private static final MethodDescriptor<byte[], byte[]> CANCELLED = method("Cancelled", MethodType.UNARY);
    private static final MethodDescriptor<byte[], byte[]> COUNT = method("Count", MethodType.SERVER_STREAMING);
    private static final MethodDescriptor<byte[], byte[]> SUM = method("Sum", MethodType.CLIENT_STREAMING);
    private static final MethodDescriptor<byte[], byte[]> CHAT = method("Chat", MethodType.BIDI_STREAMING);

    private static MethodDescriptor<byte[], byte[]> method(String name, MethodType type) {
        return MethodDescriptor.newBuilder(new Bytes(), new Bytes()).setType(type)
            .setFullMethodName(MethodDescriptor.generateFullMethodName("netsuites.Calls", name)).build();
    }

    private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException failure) {
                throw new IllegalStateException(failure);
            }
        }
    }

    private static byte[] bytes(Object value) {
        return value.toString().getBytes();
    }

    // --- Server -----------------------------------------------------------------------------------

    @Override
    public void serve(int port) throws Exception {
        NettyServerBuilder.forPort(port).addService(service()).maxInboundMessageSize(LARGEST).build().start();
        var keys = SslContextBuilder.forServer(Certificates.keys());
        NettyServerBuilder.forPort(port + 1).addService(service()).maxInboundMessageSize(LARGEST)
            .sslContext(GrpcSslContexts.configure(keys, SslProvider.JDK).build()).build().start();
    }

    private static ServerServiceDefinition service() {
        var cancellations = new Semaphore(0);
        return ServerServiceDefinition.builder("netsuites.Calls")
            .addMethod(REVERSE, ServerCalls.asyncUnaryCall((request, answers) -> {
                byte[] back = new byte[request.length];
                for (int index = 0; index < back.length; index++) {
                    back[index] = request[back.length - 1 - index];
                }
                answers.onNext(back);
                answers.onCompleted();
            }))
            .addMethod(REFUSE, ServerCalls.asyncUnaryCall((request, answers) -> answers.onError(
                Status.FAILED_PRECONDITION.withDescription("not today").asRuntimeException())))
            .addMethod(NEVER, ServerCalls.asyncUnaryCall((request, answers) ->
                ((ServerCallStreamObserver<byte[]>) answers).setOnCancelHandler(cancellations::release)))
            .addMethod(CANCELLED, ServerCalls.asyncUnaryCall((request, answers) -> new Thread(() -> {
                try {
                    answers.onNext(bytes(cancellations.tryAcquire(2, TimeUnit.MINUTES)));
                    answers.onCompleted();
                } catch (InterruptedException interrupted) {
                    answers.onError(interrupted);
                }
            }).start()))
            .addMethod(COUNT, ServerCalls.asyncServerStreamingCall((request, answers) ->
                count(new String(request).split(" "), (ServerCallStreamObserver<byte[]>) answers)))
            .addMethod(SUM, ServerCalls.asyncClientStreamingCall(answers -> new Adder(answers)))
            .addMethod(CHAT, ServerCalls.asyncBidiStreamingCall(answers -> new Echo(answers)))
            .build();
    }

    /** Numbers up to the first word, at least as wide as the second, and no more at a time than the window takes. */
    private static void count(String[] request, ServerCallStreamObserver<byte[]> answers) {
        int end = Integer.parseInt(request[0]);
        String format = "%" + request[1] + "d";
        var next = new int[1];
        answers.setOnReadyHandler(() -> {
            while (next[0] < end && answers.isReady()) {
                answers.onNext(bytes(String.format(format, next[0]++)));
            }
            if (next[0] == end) {
                next[0]++;
                answers.onCompleted();
            }
        });
        // Otherwise a cancelled call is an exception here.
        answers.setOnCancelHandler(() -> next[0] = end + 1);
    }

    /** Answers with the number of bytes that came, once no more come. */
    private static final class Adder implements StreamObserver<byte[]> {
        private final StreamObserver<byte[]> answers;
        private long sum;

        Adder(StreamObserver<byte[]> answers) {
            this.answers = answers;
        }

        @Override
        public void onNext(byte[] message) {
            sum += message.length;
        }

        @Override
        public void onError(Throwable failure) {
            // The client gave up.
        }

        @Override
        public void onCompleted() {
            answers.onNext(bytes(sum));
            answers.onCompleted();
        }
    }

    private static final class Echo implements StreamObserver<byte[]> {
        private final StreamObserver<byte[]> answers;

        Echo(StreamObserver<byte[]> answers) {
            this.answers = answers;
        }

        @Override
        public void onNext(byte[] message) {
            answers.onNext(message);
        }

        @Override
        public void onError(Throwable failure) {
            // The client gave up.
        }

        @Override
        public void onCompleted() {
            answers.onCompleted();
        }
    }

    // --- Client -----------------------------------------------------------------------------------

    @Override
    public void ask(String address, int port, Report report) throws Exception {
        ManagedChannel plain = NettyChannelBuilder.forAddress(address, port).usePlaintext()
            .maxInboundMessageSize(LARGEST).build();
        askAll("plain", plain, report);
        var trust = SslContextBuilder.forClient().trustManager(new Certificates.TrustAll());
        ManagedChannel secure = NettyChannelBuilder.forAddress(address, port + 1).maxInboundMessageSize(LARGEST)
            .sslContext(GrpcSslContexts.configure(trust, SslProvider.JDK).build()).build();
        askAll("TLS", secure, report);
        for (ManagedChannel channel : List.of(plain, secure)) {
            report.say("channel ended", channel.shutdown().awaitTermination(1, TimeUnit.MINUTES));
        }
    }

    private static void askAll(String title, Channel channel, Report report) {
        for (int size : new int[] {0, 1, 20_000, 1 << 20}) {
            report.attempt(title + ", unary of " + size,
                           () -> Report.digest(unary(channel, REVERSE, CallOptions.DEFAULT, Report.pattern(size))));
        }
        report.attempt(title + ", 100 unary at once", () -> together(channel));
        report.attempt(title + ", refused", () -> unary(channel, REFUSE, CallOptions.DEFAULT, new byte[1]));
        report.attempt(title + ", deadline", () -> {
            var status = statusOf(() -> unary(channel, NEVER,
                                              CallOptions.DEFAULT.withDeadlineAfter(300, TimeUnit.MILLISECONDS), new byte[1]));
            return status.getCode();
        });
        report.attempt(title + ", the server saw it", () -> new String(
            unary(channel, CANCELLED, CallOptions.DEFAULT, new byte[0])));
        report.attempt(title + ", server streaming", () -> serverStream(channel, 1000));
        report.attempt(title + ", cancelled in a stream", () -> cancelled(channel));
        report.attempt(title + ", client streaming", () -> new String(stream(channel, SUM, 100, 5000).get(0)));
        report.attempt(title + ", to and fro", () -> {
            List<byte[]> back = stream(channel, CHAT, 100, 3000);
            return back.size() + " messages, the last " + Report.digest(back.get(back.size() - 1));
        });
        report.attempt(title + ", no such method", () -> statusOf(
            () -> unary(channel, method("Missing", MethodType.UNARY), CallOptions.DEFAULT, new byte[0])));
    }

    private static byte[] unary(Channel channel, MethodDescriptor<byte[], byte[]> method, CallOptions options, byte[] request) {
        return ClientCalls.blockingUnaryCall(channel, method, options, request);
    }

    private static Status statusOf(Runnable call) {
        try {
            call.run();
            return Status.OK;
        } catch (RuntimeException failure) {
            return Status.fromThrowable(failure);
        }
    }

    private static Object together(Channel channel) throws Exception {
        List<java.util.concurrent.Future<byte[]>> calls = new ArrayList<>();
        for (int number = 0; number < 100; number++) {
            calls.add(ClientCalls.futureUnaryCall(channel.newCall(REVERSE, CallOptions.DEFAULT),
                                                  Report.pattern(number * 50)));
        }
        var all = new java.io.ByteArrayOutputStream();
        for (var call : calls) {
            all.writeBytes(call.get());
        }
        return Report.digest(all.toByteArray());
    }

    private static Object serverStream(Channel channel, int count) {
        Iterator<byte[]> answers = ClientCalls.blockingServerStreamingCall(channel, COUNT, CallOptions.DEFAULT,
                                                                           bytes(count + " 1"));
        int expected = 0;
        while (answers.hasNext()) {
            if (Integer.parseInt(new String(answers.next()).trim()) != expected++) {
                return "out of order at " + expected;
            }
        }
        return expected + " in order";
    }

    private static Object cancelled(Channel channel) {
        var context = io.grpc.Context.current().withCancellation();
        var before = context.attach();
        try {
            Iterator<byte[]> answers = ClientCalls.blockingServerStreamingCall(channel, COUNT, CallOptions.DEFAULT,
                                                                               bytes("1000000 10000"));
            for (int number = 0; number < 10; number++) {
                answers.next();
            }
            context.cancel(null);
            return statusOf(() -> {
                while (answers.hasNext()) {
                    answers.next();
                }
            }).getCode();
        } finally {
            context.detach(before);
        }
    }

    private static List<byte[]> stream(Channel channel, MethodDescriptor<byte[], byte[]> method, int count, int size)
        throws Exception {
        var back = new CompletableFuture<List<byte[]>>();
        var answers = new ArrayList<byte[]>();
        var collector = new StreamObserver<byte[]>() {
            @Override
            public void onNext(byte[] message) {
                answers.add(message);
            }

            @Override
            public void onError(Throwable failure) {
                back.completeExceptionally(failure);
            }

            @Override
            public void onCompleted() {
                back.complete(answers);
            }
        };
        var call = channel.newCall(method, CallOptions.DEFAULT);
        StreamObserver<byte[]> requests = method == CHAT ? ClientCalls.asyncBidiStreamingCall(call, collector)
            : ClientCalls.asyncClientStreamingCall(call, collector);
        for (int number = 0; number < count; number++) {
            requests.onNext(Report.pattern(size + number));
        }
        requests.onCompleted();
        return back.get(4, TimeUnit.MINUTES);
    }
}
