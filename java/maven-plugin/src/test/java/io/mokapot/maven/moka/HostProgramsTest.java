// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.moka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostProgramsTest {
    @TempDir Path folder;

    @Test
    void whatIsMissingIsNamedWithItsPackage() throws Exception {
        assertEquals(2, HostPrograms.missing(null).size());
        Path qemu = Files.writeString(folder.resolve("qemu-system-x86_64"), "");
        assertTrue(qemu.toFile().setExecutable(true));
        assertEquals(List.of("mkfs.erofs is not installed: install it (Debian: erofs-utils)"),
                HostPrograms.missing("/no/such/folder:" + folder));
    }
}
