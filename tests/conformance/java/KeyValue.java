// SPDX-License-Identifier: Apache-2.0

import java.nio.ByteBuffer;
import java.util.Random;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.CompressionType;
import org.rocksdb.Options;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksIterator;
import org.rocksdb.Snapshot;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteOptions;

/** RocksDB through JNI: its own threads, files that are written, synchronised, mapped, compacted and opened again. */
final class KeyValue {
    private KeyValue() {}

    public static void main(String[] args) throws Exception {
        int keys = Integer.parseInt(args[0]);
        String folder = args[1];
        RocksDB.loadLibrary();
        try (Options options = new Options().setCreateIfMissing(true).setWriteBufferSize(1 << 20).setMaxBackgroundJobs(4)
                .setCompressionType(CompressionType.LZ4_COMPRESSION).setAllowMmapReads(true).setUseFsync(true)
                .setTableFormatConfig(new BlockBasedTableConfig().setBlockSize(4096))) {
            try (RocksDB db = RocksDB.open(options, folder)) {
                fill(db, keys);
                look(db, keys);
                db.compactRange();
                look(db, keys);
            }
            try (RocksDB db = RocksDB.open(options, folder)) {
                System.out.println("opened again");
                look(db, keys);
            }
            RocksDB.destroyDB(folder, options);
        }
    }

    private static byte[] key(int number) {
        return ByteBuffer.allocate(8).putInt(number * 0x9e3779b1).putInt(number).array();
    }

    private static void fill(RocksDB db, int keys) throws Exception {
        Random random = new Random(5);
        try (WriteOptions write = new WriteOptions(); WriteOptions synced = new WriteOptions().setSync(true)) {
            for (int i = 0; i < keys; i += 100) {
                try (WriteBatch batch = new WriteBatch()) {
                    for (int j = i; j < i + 100; j++) {
                        byte[] value = new byte[50 + random.nextInt(200)];
                        random.nextBytes(value);
                        batch.put(key(j), value);
                    }
                    db.write(i % 5000 == 0 ? synced : write, batch);
                }
            }
        }
        try (Snapshot snapshot = db.getSnapshot(); ReadOptions old = new ReadOptions().setSnapshot(snapshot)) {
            for (int i = 0; i < keys; i += 3) {
                db.delete(key(i));
            }
            System.out.println("in the snapshot: " + (db.get(old, key(0)) != null) + ", now: " + (db.get(key(0)) != null));
            db.releaseSnapshot(snapshot);
        }
    }

    private static void look(RocksDB db, int keys) throws Exception {
        Digest digest = new Digest();
        int count = 0;
        try (RocksIterator iterator = db.newIterator()) {
            for (iterator.seekToFirst(); iterator.isValid(); iterator.next()) {
                digest.add(iterator.key()).add(iterator.value());
                count++;
            }
            iterator.status();
        }
        int found = 0;
        for (int i = 0; i < keys; i++) {
            found += db.get(key(i)) != null ? 1 : 0;
        }
        System.out.println(count + " keys, " + found + " found, " + digest.hex());
    }
}
