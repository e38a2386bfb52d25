// SPDX-License-Identifier: Apache-2.0
package io.mokapot.maven.application;

import io.mokapot.maven.support.Advice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** A jar or war as far as starting it goes: its manifest, and whether it holds its dependencies. */
final class Jar {
    private static final String BOOT_LOADER = "org.springframework.boot.loader.";

    private final Path path;
    private final Attributes attributes;

    private Jar(Path path, Attributes attributes) {
        this.path = path;
        this.attributes = attributes;
    }

    static Jar open(Path path) throws Advice {
        if (!Files.isRegularFile(path)) {
            throw new Advice("no such file: " + path + "; give the jar that the build makes");
        }
        try (JarFile jar = new JarFile(path.toFile(), false)) {
            Manifest manifest = jar.getManifest();
            return new Jar(path, manifest != null ? manifest.getMainAttributes() : new Attributes());
        } catch (IOException problem) {
            throw new Advice(path + " is no jar or is damaged (" + problem.getMessage()
                    + "); build it anew: mvn clean package", problem);
        }
    }

    Path path() {
        return path;
    }

    /** "" where the manifest has none. */
    String mainClass() {
        return attribute("Main-Class");
    }

    boolean isSpringBoot() {
        return mainClass().startsWith(BOOT_LOADER);
    }

    boolean hasClassPath() {
        return !attribute("Class-Path").isEmpty();
    }

    /** What {@code java -jar} takes from the manifest and {@code java -cp} does not. */
    List<String> optionsOfManifest() {
        List<String> options = new ArrayList<>();
        for (String open : attribute("Add-Opens").split("\\s+")) {
            if (!open.isEmpty()) {
                options.add("--add-opens=" + open + "=ALL-UNNAMED");
            }
        }
        for (String export : attribute("Add-Exports").split("\\s+")) {
            if (!export.isEmpty()) {
                options.add("--add-exports=" + export + "=ALL-UNNAMED");
            }
        }
        return options;
    }

    /** Whether the first class of each of those jars is in this one, too: shaded, assembled, ... */
    boolean contains(List<Path> dependencies) throws Advice {
        try (ZipFile own = new ZipFile(path.toFile())) {
            for (Path dependency : dependencies) {
                String name = Files.isRegularFile(dependency) ? firstClass(dependency) : null;
                if (Files.isDirectory(dependency) || (name != null && own.getEntry(name) == null)) {
                    return false;
                }
            }
            return true;
        } catch (IOException problem) {
            throw new Advice("cannot look into " + path + " and its dependencies ("
                    + problem.getMessage() + "); build it anew: mvn clean package", problem);
        }
    }

    private static String firstClass(Path jar) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements(); ) {
                String name = entries.nextElement().getName();
                if (name.endsWith(".class") && !name.startsWith("META-INF/")
                        && !name.equals("module-info.class")) {
                    return name;
                }
            }
        }
        return null;
    }

    private String attribute(String name) {
        String value = attributes.getValue(name);
        return value != null ? value.trim() : "";
    }
}
