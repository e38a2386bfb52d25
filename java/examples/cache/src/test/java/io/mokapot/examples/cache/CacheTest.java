// SPDX-License-Identifier: Apache-2.0
package io.mokapot.examples.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class CacheTest {
    private final LruCache cache = new LruCache(3 * (LruCache.BYTES_EACH + 11));

    private static LruCache.Value value(int length) {
        return new LruCache.Value("0", new byte[length]);
    }

    private String talk(String words) throws IOException {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        new Conversation(cache, new ByteArrayInputStream(
                words.replace("\n", "\r\n").getBytes(StandardCharsets.ISO_8859_1)), answer).run();
        return answer.toString(StandardCharsets.ISO_8859_1).replace("\r\n", "\n");
    }

    @Test
    void whatWasNotUsedForLongestGoes() {
        for (String key : new String[] {"a", "b", "c"}) {
            assertTrue(cache.put(key, value(10)));
        }
        assertNotNull(cache.get("a"));
        assertTrue(cache.put("d", value(10)));
        assertNull(cache.get("b"));
        assertNotNull(cache.get("a"));
        assertEquals(3, cache.count());
    }

    @Test
    void whatIsTooLargeIsNotKept() {
        assertTrue(cache.put("a", value(1)));
        assertFalse(cache.put("a", value(1000)));
        assertNull(cache.get("a"));
        assertEquals(0, cache.size());
    }

    @Test
    void clientsSetGetAndDelete() throws IOException {
        assertEquals("STORED\nVALUE k 7 5\nhello\nEND\nDELETED\nEND\nNOT_FOUND\n",
                talk("set k 7 0 5\nhello\nget k other\ndelete k\nget k\ndelete k\nquit\n"));
    }

    @Test
    void nonsenseIsAnError() throws IOException {
        assertEquals("ERROR\n", talk("nonsense\n"));
        assertEquals("CLIENT_ERROR bad data chunk\n", talk("set k 0 0 -1\nget k\n"));
        assertEquals("CLIENT_ERROR bad data chunk\n", talk("set k 0 0 5\ntoo long\n"));
    }
}
