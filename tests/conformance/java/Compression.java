// SPDX-License-Identifier: Apache-2.0

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdInputStream;
import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.xxhash.XXHashFactory;
import org.xerial.snappy.Snappy;

/** Snappy, LZ4 and Zstandard through their JNI libraries, over arrays, direct buffers and streams, in several threads. */
final class Compression {
    private Compression() {}

    public static void main(String[] args) throws Exception {
        int rounds = Integer.parseInt(args[0]);
        byte[] data = Digest.text(1, 1 << 20);
        System.out.println("snappy native: " + Snappy.getNativeLibraryVersion());
        System.out.println("lz4: " + LZ4Factory.nativeInstance());
        System.out.println("xxhash: " + Long.toHexString(XXHashFactory.nativeInstance().hash64().hash(data, 0, data.length, 7)));
        for (int round = 0; round < rounds; round++) {
            byte[] piece = Digest.text(round, 1000 + round * 37_777 % 900_000);
            System.out.println(round + ": " + snappy(piece) + " " + lz4(piece) + " " + zstd(piece) + " " + stream(piece));
        }
        threads(rounds, data);
    }

    private static void want(boolean condition, String problem) {
        if (!condition) {
            throw new AssertionError(problem);
        }
    }

    private static String snappy(byte[] piece) throws Exception {
        byte[] packed = Snappy.compress(piece);
        want(Arrays.equals(piece, Snappy.uncompress(packed)), "snappy");
        ByteBuffer in = ByteBuffer.allocateDirect(piece.length).put(piece).flip();
        ByteBuffer out = ByteBuffer.allocateDirect(Snappy.maxCompressedLength(piece.length));
        want(Snappy.compress(in, out) == packed.length, "snappy of a direct buffer");
        return new Digest().add(packed).hex();
    }

    private static String lz4(byte[] piece) {
        LZ4Factory factory = LZ4Factory.nativeInstance();
        byte[] fast = factory.fastCompressor().compress(piece);
        byte[] high = factory.highCompressor(9).compress(piece);
        want(Arrays.equals(piece, factory.fastDecompressor().decompress(fast, piece.length)), "lz4 fast");
        want(Arrays.equals(piece, factory.fastDecompressor().decompress(high, piece.length)), "lz4 high");
        return new Digest().add(fast).add(high).hex();
    }

    private static String zstd(byte[] piece) {
        Digest digest = new Digest();
        for (int level : new int[] {1, 3, 19}) {
            byte[] packed = Zstd.compress(piece.length > 100_000 && level == 19 ? Arrays.copyOf(piece, 100_000) : piece, level);
            byte[] back = Zstd.decompress(packed, (int) Zstd.getFrameContentSize(packed));
            want(Arrays.equals(back, 0, back.length, piece, 0, back.length), "zstd " + level);
            digest.add(packed);
        }
        return digest.hex();
    }

    private static String stream(byte[] piece) throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (ZstdOutputStream out = new ZstdOutputStream(packed, 5)) {
            for (int at = 0; at < piece.length; at += 10_000) {
                out.write(piece, at, Math.min(10_000, piece.length - at));
            }
        }
        want(Arrays.equals(piece, new ZstdInputStream(new ByteArrayInputStream(packed.toByteArray())).readAllBytes()), "zstd stream");
        return new Digest().add(packed.toByteArray()).hex();
    }

    private static void threads(int rounds, byte[] data) throws InterruptedException {
        CountDownLatch done = new CountDownLatch(4);
        String[] sums = new String[4];
        for (int i = 0; i < sums.length; i++) {
            int number = i;
            new Thread(() -> {
                Digest digest = new Digest();
                for (int round = 0; round < rounds; round++) {
                    byte[] piece = Arrays.copyOfRange(data, number * 1000 + round, number * 1000 + round + 200_000);
                    byte[] packed = Zstd.compress(piece, 3);
                    want(Arrays.equals(piece, Zstd.decompress(packed, piece.length)), "zstd in a thread");
                    digest.add(packed);
                }
                sums[number] = digest.hex();
                done.countDown();
            }).start();
        }
        done.await();
        System.out.println("threads: " + String.join(" ", sums));
    }
}
