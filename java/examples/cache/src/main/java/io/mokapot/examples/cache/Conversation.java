// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples.cache;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** One client, in the words of memcached's text protocol: get, set, delete, stats, quit. */
final class Conversation {
    private static final int LONGEST_LINE = 2048;
    private static final int LARGEST_VALUE = 1 << 20;

    private final LruCache cache;
    private final InputStream in;
    private final OutputStream out;

    Conversation(LruCache cache, InputStream in, OutputStream out) {
        this.cache = cache;
        this.in = new BufferedInputStream(in);
        this.out = new BufferedOutputStream(out);
    }

    /** Answers until the client goes, or says what makes no sense from where one cannot go on. */
    void run() throws IOException {
        for (String line; (line = readLine()) != null; ) {
            String[] words = line.trim().split(" +");
            boolean goesOn = switch (words[0]) {
                case "get", "gets" -> get(words);
                case "set" -> set(words);
                case "delete" -> say(words.length > 1 && cache.remove(words[1]) ? "DELETED" : "NOT_FOUND");
                case "stats" -> say("STAT curr_items " + cache.count())
                        && say("STAT bytes " + cache.size()) && say("END");
                case "quit" -> false;
                default -> say("ERROR");
            };
            if (in.available() == 0 || !goesOn) {
                out.flush();
            }
            if (!goesOn) {
                return;
            }
        }
    }

    private boolean get(String[] words) throws IOException {
        for (int word = 1; word < words.length; ++word) {
            LruCache.Value value = cache.get(words[word]);
            if (value != null) {
                say("VALUE " + words[word] + " " + value.flags() + " " + value.bytes().length);
                out.write(value.bytes());
                say("");
            }
        }
        return say("END");
    }

    /** set KEY FLAGS EXPIRY BYTES [noreply]; expiry is not looked at: what is old goes by itself. */
    private boolean set(String[] words) throws IOException {
        int length = words.length >= 5 ? number(words[4]) : -1;
        if (length < 0 || length > LARGEST_VALUE) {
            // Where the value ends is not known, so neither is where the next command begins.
            say("CLIENT_ERROR bad data chunk");
            return false;
        }
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length || in.read() != '\r' || in.read() != '\n') {
            say("CLIENT_ERROR bad data chunk");
            return false;
        }
        boolean isKept = cache.put(words[1], new LruCache.Value(words[2], bytes));
        return words.length > 5 || say(isKept ? "STORED" : "SERVER_ERROR object too large for cache");
    }

    private static int number(String word) {
        try {
            return Integer.parseInt(word);
        } catch (NumberFormatException none) {
            return -1;
        }
    }

    private boolean say(String line) throws IOException {
        out.write((line + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
        return true;
    }

    private String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next; (next = in.read()) >= 0; ) {
            if (next == '\n') {
                return line.toString();
            }
            if (line.length() == LONGEST_LINE) {
                throw new EOFException("a line without end");
            }
            line.append((char) next);
        }
        return null;
    }
}
