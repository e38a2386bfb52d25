// SPDX-License-Identifier: Apache-2.0

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;

/** The words that a run on the host and one in a VM must have in common. */
final class Report {
    private final String who;

    Report(String who) {
        this.who = who;
    }

    void say(String what, Object value) {
        System.out.println(who + ": " + what + ": " + value);
    }

    /** What {@code work} gives, or the kind of its failure. */
    void attempt(String what, Callable<?> work) {
        Object value;
        try {
            value = work.call();
        } catch (Exception failure) {
            value = describe(failure);
        }
        say(what, value);
    }

    /** Class and message of what went wrong at the bottom, without addresses and ports. */
    static String describe(Throwable failure) {
        while ((failure instanceof ExecutionException || failure instanceof CompletionException)
               && failure.getCause() != null) {
            failure = failure.getCause();
        }
        String message = String.valueOf(failure.getMessage());
        return failure.getClass().getSimpleName() + ": " + message.replaceAll("[^ ]*/[^ ]*:\\d+", "(address)");
    }

    static String digest(byte[] bytes) {
        try {
            byte[] sum = MessageDigest.getInstance("SHA-256").digest(bytes);
            return bytes.length + " bytes, " + HexFormat.of().formatHex(sum, 0, 8);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The same bytes for the same size everywhere. */
    static byte[] pattern(int size) {
        byte[] bytes = new byte[size];
        new java.util.Random(size).nextBytes(bytes);
        return bytes;
    }
}
