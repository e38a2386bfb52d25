// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.SplittableRandom;

/**
 * One connection's conversation. The client says, a line each and one after the other, {@code put N}, with N bytes
 * behind it, and is told their SHA-256; {@code get N SEED}, and gets N bytes and their SHA-256; {@code echo N}, and
 * gets the N bytes that it sends, as they come. A connection that says nothing costs this object alone.
 */
class Exchange {
    private static final int LONGEST_LINE = 100;
    private static final int PIECE = 32768;

    private StringBuilder line;
    private long toDigest;
    private long toEcho;
    private long toSend;
    private boolean ended;
    private MessageDigest digest;
    private SplittableRandom source;
    private ByteBuffer output;

    /** Reads and writes as far as that goes; false where the connection is to be closed. */
    boolean goOn(SelectionKey key, ByteBuffer scratch) throws IOException {
        var channel = (SocketChannel) key.channel();
        if (key.isReadable()) {
            scratch.clear();
            int count = channel.read(scratch);
            ended = count < 0;
            scratch.flip();
            while (scratch.hasRemaining()) {
                if (!take(scratch)) {
                    return false;
                }
            }
        }
        while (refill()) {
            channel.write(output);
            if (output.hasRemaining()) {
                key.interestOps(SelectionKey.OP_WRITE);
                return true;
            }
        }
        output = null;
        key.interestOps(SelectionKey.OP_READ);
        return !ended;
    }

    /** Makes something of the bytes that came; false where it is nothing. */
    private boolean take(ByteBuffer input) {
        if (toDigest > 0) {
            ByteBuffer data = part(input, toDigest);
            toDigest -= data.remaining();
            digest.update(data);
            if (toDigest == 0) {
                answerDigest();
            }
        } else if (toEcho > 0) {
            ByteBuffer data = part(input, toEcho);
            toEcho -= data.remaining();
            output = ByteBuffer.allocate(data.remaining()).put(data).flip();
        } else {
            if (line == null) {
                line = new StringBuilder();
            }
            char next = (char) input.get();
            if (next != '\n') {
                return line.append(next).length() < LONGEST_LINE;
            }
            String[] words = line.toString().split(" ");
            line = null;
            return begin(words);
        }
        return true;
    }

    private boolean begin(String[] words) {
        try {
            long size = Long.parseLong(words[1]);
            switch (words[0]) {
                case "put" -> toDigest = size;
                case "echo" -> toEcho = size;
                case "get" -> {
                    toSend = size;
                    source = new SplittableRandom(Long.parseLong(words[2]));
                }
                default -> {
                    return false;
                }
            }
            digest = MessageDigest.getInstance("SHA-256");
            if (words[0].equals("put") && size == 0) {
                answerDigest();
            }
            return true;
        } catch (ArrayIndexOutOfBoundsException | NumberFormatException | NoSuchAlgorithmException nonsense) {
            return false;
        }
    }

    /** Takes the next bytes of the input, `most` at most. */
    private static ByteBuffer part(ByteBuffer input, long most) {
        int size = (int) Math.min(input.remaining(), most);
        ByteBuffer part = input.slice(input.position(), size);
        input.position(input.position() + size);
        return part;
    }

    private void answerDigest() {
        output = ByteBuffer.wrap((HexFormat.of().formatHex(digest.digest()) + "\n").getBytes(StandardCharsets.US_ASCII));
        digest = null;
    }

    /** Whether there is output, made if need be. */
    private boolean refill() {
        if (output != null && output.hasRemaining()) {
            return true;
        }
        if (source == null) {
            return false;
        }
        if (toSend == 0) {
            source = null;
            answerDigest();
            return true;
        }
        var piece = new byte[(int) Math.min(PIECE, toSend)];
        source.nextBytes(piece);
        digest.update(piece);
        toSend -= piece.length;
        output = ByteBuffer.wrap(piece);
        return true;
    }
}
