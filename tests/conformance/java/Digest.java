// SPDX-License-Identifier: Apache-2.0

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Random;

/** Sums of what a driver saw, and data for it that is the same on every machine. */
final class Digest {
    private final MessageDigest digest;

    Digest() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    Digest add(byte[] bytes) {
        digest.update(bytes);
        return this;
    }

    Digest add(String text) {
        return add(text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    String hex() {
        return HexFormat.of().formatHex(digest.digest(), 0, 8);
    }

    /** Bytes that compress, but not to nothing. */
    static byte[] text(long seed, int size) {
        Random random = new Random(seed);
        String[] words = new String[500];
        for (int i = 0; i < words.length; i++) {
            words[i] = Long.toString(Math.abs(random.nextLong()), 36).substring(0, 2 + random.nextInt(6)) + " ";
        }
        byte[] bytes = new byte[size];
        for (int at = 0; at < size; ) {
            byte[] word = words[(int) Math.min(Math.abs(random.nextGaussian()) * 100, 499)].getBytes();
            int length = Math.min(word.length, size - at);
            System.arraycopy(word, 0, bytes, at, length);
            at += length;
        }
        return bytes;
    }
}
