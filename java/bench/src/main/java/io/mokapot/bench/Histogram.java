// SPDX-License-Identifier: Apache-2.0
package io.mokapot.bench;

import java.util.concurrent.atomic.AtomicLongArray;

/** Durations in nanoseconds, by buckets of a 64th of their size at most; threads may record at the same time. */
final class Histogram {
    private static final int STEPS = 64;
    private final AtomicLongArray counts = new AtomicLongArray(64 * STEPS);

    private static int bucket(long nanoseconds) {
        long value = Math.max(nanoseconds, STEPS);
        int shift = 63 - Long.numberOfLeadingZeros(value) - 6;
        return shift * STEPS + (int) (value >>> shift) - STEPS;
    }

    private static long upperEnd(int bucket) {
        int shift = bucket / STEPS;
        return (STEPS + bucket % STEPS + 1L << shift) - 1;
    }

    void record(long nanoseconds) {
        counts.incrementAndGet(bucket(nanoseconds));
    }

    long count() {
        long total = 0;
        for (int i = 0; i < counts.length(); i++) {
            total += counts.get(i);
        }
        return total;
    }

    /** The duration that such a share (0 to 1) of all does not exceed, in nanoseconds; 0 of nothing. */
    long percentile(double share) {
        long wanted = (long) Math.ceil(count() * share), seen = 0;
        for (int i = 0; i < counts.length(); i++) {
            seen += counts.get(i);
            if (seen >= wanted && seen > 0) {
                return upperEnd(i);
            }
        }
        return 0;
    }
}
