// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.distribution;

import io.mokapot.maven.support.Advice;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * The archive with moka and the kernel, unpacked once into a cache folder that is named by the
 * archive's content.
 *
 * <p>Two builds at once need no lock: each unpacks into a folder of its own beside the others and
 * renames it, and a name that is taken by then holds the same content. A folder that does not hold
 * what the archive says (somebody changed it, a disk was full) is replaced.
 */
public final class Distribution {
    /** The program in the archive; the kernel lies beside it, where moka looks for it. */
    public static final String PROGRAM = "moka";

    private static final int NAME_LENGTH = 32;
    private static final String TEMPORARY_PREFIX = ".unpack-";
    private static final Duration KEPT_UNUSED = Duration.ofDays(30);

    private final Path cache;

    /** @param cache where distributions lie; made where it is missing */
    public Distribution(Path cache) {
        this.cache = cache;
    }

    /**
     * Where XDG has the caches of this user's programs.
     *
     * @return the folder, which may not exist yet
     */
    public static Path defaultCache() {
        String named = System.getenv("XDG_CACHE_HOME");
        // The XDG specification: a relative path is to be ignored.
        Path caches = named != null && named.startsWith("/")
                ? Path.of(named) : Path.of(System.getProperty("user.home"), ".cache");
        return caches.resolve("mokapot").resolve("dist");
    }

    /**
     * The program, unpacked where it is not yet.
     *
     * @param archive the artifact's file
     * @return an executable file
     * @throws Advice where the archive cannot be read or the cache cannot be written
     */
    public Path program(Path archive) throws Advice {
        try {
            Path folder = cache.resolve(contentName(archive));
            try (ZipFile zip = new ZipFile(archive.toFile())) {
                if (zip.getEntry(PROGRAM) == null) {
                    throw new Advice(archive + " holds no moka; remove it, so that Maven fetches it anew");
                }
                if (!holds(folder, zip)) {
                    replace(folder, zip);
                    dropUnused(folder);
                }
            }
            Files.setLastModifiedTime(folder, FileTime.from(Instant.now()));
            return folder.resolve(PROGRAM);
        } catch (IOException problem) {
            throw new Advice("cannot unpack " + archive + " into " + cache + " (" + reason(problem)
                    + "); make room or permit it, or name an installed moka by -Dmokapot.moka=PATH", problem);
        }
    }

    private static String reason(IOException problem) {
        return problem instanceof FileSystemException file && file.getReason() != null
                ? file.getReason() : problem.getClass().getSimpleName() + ": " + problem.getMessage();
    }

    private static String contentName(Path archive) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            try (InputStream bytes = Files.newInputStream(archive)) {
                byte[] block = new byte[1 << 16];
                for (int count; (count = bytes.read(block)) > 0; ) {
                    digest.update(block, 0, count);
                }
            }
            return HexFormat.of().formatHex(digest.digest()).substring(0, NAME_LENGTH);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);  // every Java has SHA-256
        }
    }

    private static List<ZipEntry> files(ZipFile zip) {
        List<ZipEntry> files = new ArrayList<>();
        for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements(); ) {
            ZipEntry entry = entries.nextElement();
            // All files lie at the top; what jar tools add below META-INF is not ours.
            if (!entry.isDirectory() && !entry.getName().contains("/")) {
                files.add(entry);
            }
        }
        return files;
    }

    private static boolean holds(Path folder, ZipFile zip) throws IOException {
        for (ZipEntry entry : files(zip)) {
            Path file = folder.resolve(entry.getName());
            if (!Files.isRegularFile(file) || Files.size(file) != entry.getSize()
                    || checksum(file) != entry.getCrc()) {
                return false;
            }
        }
        return Files.isExecutable(folder.resolve(PROGRAM));
    }

    private static long checksum(Path file) throws IOException {
        CRC32 sum = new CRC32();
        try (InputStream bytes = Files.newInputStream(file)) {
            byte[] block = new byte[1 << 16];
            for (int count; (count = bytes.read(block)) > 0; ) {
                sum.update(block, 0, count);
            }
        }
        return sum.getValue();
    }

    private void replace(Path folder, ZipFile zip) throws IOException {
        Files.createDirectories(cache);
        Path unpacked = Files.createTempDirectory(cache, TEMPORARY_PREFIX);
        try {
            Files.setPosixFilePermissions(unpacked, PosixFilePermissions.fromString("rwxr-xr-x"));
            for (ZipEntry entry : files(zip)) {
                Path file = unpacked.resolve(entry.getName());
                try (InputStream bytes = zip.getInputStream(entry)) {
                    Files.copy(bytes, file);
                }
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(
                        entry.getName().equals(PROGRAM) ? "rwxr-xr-x" : "rw-r--r--"));
            }
            while (!moved(unpacked, folder)) {
                if (holds(folder, zip)) {
                    return;  // another build was quicker
                }
                // A rename takes the damaged one out of the way as a whole; who runs from it goes on.
                Path damaged = Files.createTempDirectory(cache, TEMPORARY_PREFIX);
                moved(folder, damaged.resolve("damaged"));
                remove(damaged);
            }
        } finally {
            remove(unpacked);
        }
    }

    /** False where `to` is taken, or `from` is gone. */
    private static boolean moved(Path from, Path to) throws IOException {
        try {
            Files.move(from, to, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
            return true;
        } catch (AtomicMoveNotSupportedException impossible) {
            throw impossible;  // both lie in one folder
        } catch (FileSystemException taken) {
            if (Files.exists(to) || !Files.exists(from)) {
                return false;
            }
            throw taken;
        }
    }

    /** What no build used for a month, and what a build left that was killed. */
    private void dropUnused(Path current) throws IOException {
        Instant limit = Instant.now().minus(KEPT_UNUSED);
        try (Stream<Path> entries = Files.list(cache)) {
            for (Path entry : (Iterable<Path>) entries::iterator) {
                if (!entry.equals(current) && Files.exists(entry)
                        && Files.getLastModifiedTime(entry).toInstant().isBefore(limit)) {
                    remove(entry);
                }
            }
        }
    }

    private static void remove(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        try (Stream<Path> entries = Files.walk(tree)) {
            for (Path entry : (Iterable<Path>) entries.sorted(Comparator.reverseOrder())::iterator) {
                Files.deleteIfExists(entry);
            }
        }
    }
}
