// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples.cache;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/** Values by key, of a bounded size together: what was not used for longest goes first. Thread-safe. */
final class LruCache {
    /** About what map and objects take for each entry, so that many small ones are bounded, too. */
    static final long BYTES_EACH = 100;

    record Value(String flags, byte[] bytes) {}

    private final long capacity;
    // Under this object's monitor.
    private final Map<String, Value> values = new LinkedHashMap<>(16, 0.75f, true);
    private long size;

    /** A cache for that many bytes. */
    LruCache(long capacity) {
        this.capacity = capacity;
    }

    /** The value, or null. */
    synchronized Value get(String key) {
        return values.get(key);
    }

    /** False where the value alone is larger than the cache. */
    synchronized boolean put(String key, Value value) {
        if (cost(key, value) > capacity) {
            remove(key);
            return false;
        }
        Value before = values.put(key, value);
        size += cost(key, value) - (before != null ? cost(key, before) : 0);
        for (Iterator<Map.Entry<String, Value>> oldest = values.entrySet().iterator();
                size > capacity; ) {
            Map.Entry<String, Value> entry = oldest.next();
            size -= cost(entry.getKey(), entry.getValue());
            oldest.remove();
        }
        return true;
    }

    /** Whether it was there. */
    synchronized boolean remove(String key) {
        Value before = values.remove(key);
        if (before != null) {
            size -= cost(key, before);
        }
        return before != null;
    }

    synchronized int count() {
        return values.size();
    }

    synchronized long size() {
        return size;
    }

    private static long cost(String key, Value value) {
        return key.length() + value.bytes().length + BYTES_EACH;
    }
}
