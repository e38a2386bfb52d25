// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.mokapot.maven.support.Advice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DistributionTest {
    @TempDir Path folder;
    private Path archive;
    private Path cache;

    @BeforeEach
    void makeArchive() throws IOException {
        archive = archive("one.jar", "the program");
        cache = folder.resolve("cache");
    }

    private Path archive(String name, String program) throws IOException {
        Path file = folder.resolve(name);
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (String[] entry : new String[][] {
                    {Distribution.PROGRAM, program}, {"mokapot-kernel.elf", "the kernel"}}) {
                zip.putNextEntry(new ZipEntry(entry[0]));
                zip.write(entry[1].getBytes());
            }
        }
        return file;
    }

    private List<Path> cached() throws IOException {
        try (Stream<Path> entries = Files.list(cache)) {
            return entries.toList();
        }
    }

    @Test
    void unpacksOnceWithTheKernelBesideTheProgram() throws Exception {
        Path program = new Distribution(cache).program(archive);
        assertEquals("the program", Files.readString(program));
        assertTrue(Files.isExecutable(program));
        assertEquals("the kernel", Files.readString(program.resolveSibling("mokapot-kernel.elf")));
        FileTime unpacked = Files.getLastModifiedTime(program);
        assertEquals(program, new Distribution(cache).program(archive));
        assertEquals(unpacked, Files.getLastModifiedTime(program));
        assertEquals(1, cached().size());
    }

    @Test
    void anotherContentIsAnotherFolder() throws Exception {
        Distribution distribution = new Distribution(cache);
        Path program = distribution.program(archive);
        assertNotEquals(program, distribution.program(archive("two.jar", "a newer program")));
        assertEquals("the program", Files.readString(program));
    }

    @Test
    void whatWasDamagedIsReplaced() throws Exception {
        Distribution distribution = new Distribution(cache);
        Path program = distribution.program(archive);
        Files.writeString(program, "THE PROGRAM");  // of the same length
        assertEquals("the program", Files.readString(distribution.program(archive)));
        Files.delete(program.resolveSibling("mokapot-kernel.elf"));
        distribution.program(archive);
        assertTrue(Files.exists(program.resolveSibling("mokapot-kernel.elf")));
        assertTrue(program.toFile().setExecutable(false, false));
        assertTrue(Files.isExecutable(distribution.program(archive)) || isRoot());
        assertEquals(1, cached().size());
    }

    private static boolean isRoot() {
        return System.getProperty("user.name").equals("root");
    }

    @Test
    void manyBuildsAtOnceGetTheSame() throws Exception {
        ExecutorService builds = Executors.newFixedThreadPool(8);
        try {
            List<Callable<Path>> calls = new ArrayList<>();
            for (int build = 0; build < 32; ++build) {
                calls.add(() -> new Distribution(cache).program(archive));
            }
            for (Future<Path> program : builds.invokeAll(calls)) {
                assertEquals("the program", Files.readString(program.get()));
            }
        } finally {
            builds.shutdown();
        }
        assertEquals(1, cached().size());
    }

    @Test
    void whatNobodyUsedForAMonthGoes() throws Exception {
        Distribution distribution = new Distribution(cache);
        Path old = distribution.program(archive).getParent();
        Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofDays(31))));
        distribution.program(archive("two.jar", "a newer program"));
        assertFalse(Files.exists(old));
    }

    @Test
    void aCacheThatCannotBeIsAdvice() throws Exception {
        Files.writeString(cache, "a file");
        Advice advice = assertThrows(Advice.class, () -> new Distribution(cache).program(archive));
        assertTrue(advice.getMessage().contains("-Dmokapot.moka=PATH"), advice.getMessage());
    }

    @Test
    void aDamagedArchiveIsAdvice() throws Exception {
        Files.writeString(archive, "no zip");
        assertThrows(Advice.class, () -> new Distribution(cache).program(archive));
    }
}
