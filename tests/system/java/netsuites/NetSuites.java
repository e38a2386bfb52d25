// SPDX-License-Identifier: Apache-2.0

import java.util.Map;

/**
 * {@code NetSuites LIBRARY WORD...}, where the words are obeyed in order: {@code alone}; {@code serve=PORT};
 * {@code ask=ADDRESS@PORT}; {@code wait}, until standard input ends. Each says on standard output what it found,
 * then a line {@code done WORD} on its own.
 */
class NetSuites {
    private static final Map<String, java.util.function.Supplier<Library>> LIBRARIES = Map.of(
        "jdk", JdkHttp::new,
        "netty", NettyLibrary::new,
        "jetty", JettyWeb::new,
        "grpc", GrpcCalls::new,
        "datagrams", Datagrams::new,
        "interfaces", Interfaces::new,
        "resolver", Resolver::new);

    public static void main(String[] arguments) throws Exception {
        Library library = LIBRARIES.get(arguments[0]).get();
        for (int index = 1; index < arguments.length; index++) {
            String[] word = arguments[index].split("[=@]");
            switch (word[0]) {
                case "alone" -> library.alone(new Report("alone"));
                case "serve" -> library.serve(Integer.parseInt(word[1]));
                case "ask" -> library.ask(word[1], Integer.parseInt(word[2]), new Report("ask"));
                case "wait" -> {
                    while (System.in.read() >= 0) {
                        // Input says nothing, only when it ends.
                    }
                }
                default -> throw new IllegalArgumentException(arguments[index]);
            }
            System.out.println("done " + word[0]);
        }
        System.exit(0);
    }
}
